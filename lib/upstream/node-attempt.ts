import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ProxyServerOptions } from 'httpxy';
import type { Deadline, DeadlineWheel } from './deadline-wheel.js';
import { ADDED_UP, joinedFields } from './fields.js';
import { sendInformation } from './information.js';
import { ListenerMark } from './listener-mark.js';
import { responseFields } from './response-fields.js';
import { type StandIn, standIn } from './stand-in.js';
import type { AttemptListener, UpstreamRequest } from './transport.js';
import type { ConnectionOptions } from './undici-transport.js';

const DRAIN_BYTES = 64 * 1024;

/** What httpxy pipes into its request in place of the client's own stream. */
export function bodySource({ body, proxyOptions }: UpstreamRequest): Readable {
  const opened = body?.open();
  if (opened instanceof Readable) return opened;
  if (proxyOptions.followRedirects) return Readable.from(opened ? [opened] : []);
  const atOnce = { pipe: (to: ClientRequest) => to.end(opened) };
  // httpxy asks nothing of a source but `pipe`; a stream for a body that is here, or is none, costs more.
  return atOnce as unknown as Readable;
}

/** One attempt of the node transport: what httpxy does with it, judged and cleaned up after. */
export class NodeAttempt implements Deadline {
  dueAt = 0;
  slot = -1;
  readonly #request: UpstreamRequest;
  readonly #listener: AttemptListener;
  readonly #limits: ConnectionOptions;
  readonly #brokenOff: () => Error;
  readonly #wheel: DeadlineWheel;
  #bytesRead = 0;
  readonly #res: ServerResponse;
  readonly #marks: readonly ListenerMark[];
  readonly #stand: StandIn;
  #proxyReq: ClientRequest | undefined;
  #options: ProxyServerOptions | undefined;
  #over = false;
  #accepted = false;

  constructor(
    request: UpstreamRequest,
    listener: AttemptListener,
    limits: ConnectionOptions,
    { wheel, brokenOff }: { wheel: DeadlineWheel; brokenOff: () => Error },
  ) {
    this.#brokenOff = brokenOff;
    this.#wheel = wheel;
    const { res } = request.exchange;
    this.#request = request;
    this.#listener = listener;
    this.#limits = limits;
    this.#res = res;
    this.#marks = [new ListenerMark(res, 'close'), new ListenerMark(res, 'error')];
    this.#stand = standIn(request);
  }

  get req(): IncomingMessage {
    return this.#request.exchange.req;
  }

  /** What httpxy takes for the client's request. */
  get clientRequest(): IncomingMessage {
    // httpxy reads what is there and listens for errors, which the exchange hears of by itself.
    return this.#stand as unknown as IncomingMessage;
  }

  /** The request has its socket and is not sent yet; `false` where nobody wants it any more. */
  begin(proxyReq: ClientRequest, options: ProxyServerOptions): boolean {
    this.#proxyReq = proxyReq;
    this.#options = options;
    if (this.#over) {
      this.#hangUp();
      return false;
    }
    this.#listener.connected();
    const { exchange } = this.#request;
    // httpxy asks for the close of a connection that carries chunks.
    if (proxyReq.hasHeader('transfer-encoding') && proxyReq.shouldKeepAlive) {
      proxyReq.setHeader('connection', 'keep-alive');
    }
    if (options.followRedirects) proxyReq.prependListener('response', this.#keepWithinOrigin);
    proxyReq.on('information', (info) => sendInformation(exchange, info.statusCode, info.rawHeaders));
    // Node gives an answer that switches protocols unasked to nobody.
    proxyReq.on('close', () => {
      // What has arrived of an accepted answer may still wait for its client.
      if (proxyReq === this.#proxyReq && !this.#accepted) this.closed();
    });
    return true;
  }

  /** The head of an answer; `false` where it is not passed on. */
  judge(proxyRes: IncomingMessage): boolean {
    if (this.#over) return false;
    const status = proxyRes.statusCode ?? 0;
    const { rawHeaders, statusMessage: statusText = '' } = proxyRes;
    this.#accepted = this.#listener.head({ status, statusText, rawHeaders });
    if (!this.#accepted) {
      this.#refuse(proxyRes);
      return false;
    }
    this.#request.exchange.answeredAt = performance.now();
    // For what httpxy makes of the answer the client's own fields count: its Host, and whether it stays.
    this.#stand.headers = this.req.headers;
    Object.assign(proxyRes, { headers: this.#answerFields(rawHeaders, status) });
    this.#watchBody();
    this.#countBody(proxyRes);
    if (!this.#options?.selfHandleResponse) setImmediate(flushHead, this.#res);
    return true;
  }

  /** The answer has arrived in full. */
  end(proxyRes: IncomingMessage): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#wheel.forget(this);
    if (proxyRes.rawTrailers.length > 0 && !this.#res.writableEnded) this.#res.addTrailers(proxyRes.trailers);
    this.#listener.finished();
    return true;
  }

  /** Runs a listener of the user's: what it throws fails the call, not the process. */
  guard(run: () => void, proxyRes?: IncomingMessage): void {
    try {
      run();
    } catch (error) {
      if (proxyRes) this.#disown(proxyRes);
      this.#hangUp();
      this.fail(error);
    }
  }

  readonly fail = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    this.#wheel.forget(this);
    this.#dropListeners();
    if (this.#accepted && this.#res.headersSent) this.#res.destroy();
    this.#listener.failed(error, this.#proxyReq?.reusedSocket);
  };

  /** One side closed before the answer had ended. */
  readonly closed = (): void => {
    if (!this.#over) this.fail(this.#brokenOff());
  };

  readonly cancel = (): void => {
    this.#over = true;
    this.#wheel.forget(this);
    this.#dropListeners();
    this.#hangUp();
  };

  #hangUp(): void {
    this.#proxyReq?.on('error', () => {}).destroy();
  }

  /** Remembers which listeners httpxy has put on the client's response for this attempt. */
  adoptListeners(): void {
    for (const mark of this.#marks) mark.close();
  }

  #dropListeners(): void {
    for (const mark of this.#marks) mark.drop();
  }

  /** httpxy follows a redirect by its Location: without one it passes the answer on, which has it again then. */
  readonly #keepWithinOrigin = (proxyRes: IncomingMessage): void => {
    const { location } = proxyRes.headers;
    const { origin } = this.#request.target;
    if (location === undefined) return;
    if (!URL.canParse(location, origin) || new URL(location, origin).origin !== new URL(origin).origin) {
      delete proxyRes.headers.location;
    }
  };

  /** httpxy sets the joined fields one by one: an array keeps repeated lines, and those set before, apart. */
  #answerFields(rawHeaders: readonly string[], status: number): NodeJS.Dict<string | string[]> {
    const headers = joinedFields(responseFields(rawHeaders, { status, setCookie: this.#limits.setCookie }));
    for (const name of ADDED_UP) {
      const before = this.#setBefore(name);
      const value = headers[name];
      if (before !== undefined && value !== undefined) headers[name] = [before, value].flat();
    }
    return headers;
  }

  #setBefore(name: string): string | string[] | undefined {
    const value = this.#res.getHeader(name);
    return typeof value === 'number' ? String(value) : value;
  }

  /** Before httpxy joins the streams, so that the first chunk is not missed; what it does not pass on is not counted. */
  #countBody(proxyRes: IncomingMessage): void {
    const { exchange } = this.#request;
    if (this.#options?.selfHandleResponse) return;
    proxyRes.on('data', (chunk: Buffer) => {
      exchange.bytesOut += chunk.length;
    });
  }

  #watchBody(): void {
    const { bodyTimeoutMs } = this.#limits;
    if (bodyTimeoutMs === 0 || this.#options?.proxyTimeout) return;
    this.dueAt = performance.now() + bodyTimeoutMs;
    this.#bytesRead = this.#proxyReq?.socket?.bytesRead ?? 0;
    this.#wheel.watch(this);
  }

  /** A body may take as long as it flows; a client that does not read is no fault of the target's. */
  expire(): void {
    if (this.#over) return;
    const bytesRead = this.#proxyReq?.socket?.bytesRead ?? 0;
    if (bytesRead > this.#bytesRead || this.#res.writableNeedDrain) {
      this.#watchBody();
      return;
    }
    this.#hangUp();
    this.fail(Object.assign(new Error('The body stopped'), { code: 'UND_ERR_BODY_TIMEOUT' }));
  }

  #refuse(proxyRes: IncomingMessage): void {
    this.#over = true;
    this.#disown(proxyRes);
  }

  /**
   * Keeps httpxy from copying this answer. Its listeners would destroy the client's response with an
   * answer that is destroyed early, so they are taken off as soon as they are on.
   */
  #disown(proxyRes: IncomingMessage): void {
    if (this.#options) this.#options.selfHandleResponse = true;
    this.#dropListeners();
    proxyRes.on('error', () => {});
    process.nextTick(() => {
      this.adoptListeners();
      this.#dropListeners();
      proxyRes
        .removeAllListeners('close')
        .removeAllListeners('error')
        .on('error', () => {});
      drain(proxyRes);
    });
  }
}

// Node holds a head back until the first byte of a body, which an event stream may keep waiting. Not
// sooner than the body that came with the head: the two go out together.
function flushHead(res: ServerResponse): void {
  if (!res.headersSent && !res.destroyed && !res.writableEnded) res.flushHeaders();
}

function drain(proxyRes: IncomingMessage): void {
  let bytes = 0;
  proxyRes.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES) proxyRes.destroy();
  });
}
