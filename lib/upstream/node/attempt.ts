import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { ProxyServerOptions } from 'httpxy';
import type { Deadline, DeadlineWheel } from '../deadline-wheel.js';
import { drain } from '../response/drain.js';
import { besideHeaders, responseHeaders } from '../response/headers.js';
import { type HeadersBefore, headersBefore, restoreHeaders } from '../response/headers-before.js';
import { sendInformation } from '../response/interim.js';
import { type SlowReader, stalledReader } from '../response/slow-reader.js';
import type { AttemptListener, Plan } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { ListenerMark } from './listener-mark.js';
import { Redirects } from './redirects.js';
import { type StandIn, standIn } from './stand-in.js';
import { whenConnected } from './when-connected.js';

/** What an attempt has of its transport. */
export interface NodeTools {
  readonly wheel: DeadlineWheel;
  /** What it fails with when its connection closes and tells no reason. */
  readonly brokenOff: () => Error;
  /** The pool for this URL. */
  readonly agentOf: (url: URL) => ProxyServerOptions['agent'];
}

/** One attempt of the node transport: what httpxy does with it, judged and cleaned up after. */
export class NodeAttempt implements Deadline {
  dueAt = 0;
  slot = -1;
  /** A listener of `on.proxyReq` has begun to write the body. */
  bodyWritten = false;
  readonly #plan: Plan;
  readonly #listener: AttemptListener;
  readonly #limits: ConnectionOptions;
  readonly #brokenOff: () => Error;
  readonly #wheel: DeadlineWheel;
  #bytesRead = 0;
  /** At the last look its client did not read. */
  #suspended = false;
  #reader: SlowReader | undefined;
  readonly #res: ServerResponse;
  readonly #marks: readonly ListenerMark[];
  readonly #stand: StandIn;
  #proxyReq: ClientRequest | undefined;
  #options: ProxyServerOptions | undefined;
  readonly #agentOf: NodeTools['agentOf'];
  #redirects: Redirects | undefined;
  #over = false;
  #accepted = false;
  #silence: Error | undefined;
  #before: HeadersBefore | undefined;

  constructor(
    plan: Plan,
    listener: AttemptListener,
    limits: ConnectionOptions,
    { wheel, brokenOff, agentOf }: NodeTools,
  ) {
    this.#agentOf = agentOf;
    this.#brokenOff = brokenOff;
    this.#wheel = wheel;
    const { res } = plan.exchange;
    this.#plan = plan;
    this.#listener = listener;
    this.#limits = limits;
    this.#res = res;
    this.#marks = [new ListenerMark(res, 'close'), new ListenerMark(res, 'error')];
    this.#stand = standIn(plan);
  }

  get req(): IncomingMessage {
    return this.#plan.exchange.req;
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
    whenConnected(proxyReq, () => this.#listener.connected());
    const { exchange } = this.#plan;
    // httpxy asks for the close of a connection that carries chunks.
    if (proxyReq.hasHeader('transfer-encoding') && proxyReq.shouldKeepAlive) {
      proxyReq.setHeader('connection', 'keep-alive');
    }
    if (options.proxyTimeout) proxyReq.once('timeout', this.#silent);
    if (options.followRedirects) {
      this.#redirects ??= new Redirects(this.#plan, this.#limits.redirects, this.#agentOf);
      this.#redirects.begin(proxyReq, options);
    }
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
    this.#before = headersBefore(this.#res);
    // For what httpxy makes of the answer the client's own fields count: its Host, and whether it stays.
    const { host, connection } = this.req.headers;
    this.#stand.headers = {
      host,
      connection: connection && (/\bclose\b/i.test(connection) ? 'close' : 'keep-alive'),
    };
    const answered = responseHeaders(rawHeaders, { status, setCookie: this.#limits.setCookie });
    Object.assign(proxyRes, { headers: besideHeaders(this.#res, answered) });
    this.#watchBody();
    this.#countBody(proxyRes);
    if (!this.#options?.selfHandleResponse) setImmediate(flushHead, this.#res);
    return true;
  }

  /** httpxy crashes on a Location that it is to rewrite and cannot read: that one goes to the client as it is. */
  spareLocation({ headers }: IncomingMessage): void {
    const { hostRewrite, autoRewrite, protocolRewrite } = this.#options ?? {};
    const { location } = headers;
    if (location === undefined || !(hostRewrite || autoRewrite || protocolRewrite)) return;
    if (URL.canParse(location, this.#plan.target.origin) || this.#over || this.#res.headersSent) return;
    this.#res.setHeader('location', location);
    delete headers.location;
  }

  /** The answer has arrived in full. */
  end(proxyRes: IncomingMessage): boolean {
    if (this.#over) return false;
    this.#wheel.forget(this);
    const ended = this.#res.writableEnded;
    if (proxyRes.rawTrailers.length > 0 && !ended) this.#res.addTrailers(proxyRes.trailers);
    // Who answers by himself may still be at it, and may fail.
    if (this.#options?.selfHandleResponse && !ended) this.#res.once('close', this.#finish);
    else this.#finish();
    return true;
  }

  readonly #finish = (): void => {
    if (this.#over) return;
    this.#over = true;
    this.#listener.finished();
  };

  /** What is sent, and for whom. */
  get plan(): Plan {
    return this.#plan;
  }

  /** Whether a function of the user's that fails now can still fail the call. */
  get open(): boolean {
    return !this.#over;
  }

  /** A function of the user's failed: that ends the call, and the answer with it. */
  hookFailed(error: unknown, proxyRes?: IncomingMessage): void {
    if (this.#over) return;
    if (proxyRes) {
      this.#disown(proxyRes);
      // Those that it has put on the answer would go on as if nothing had happened.
      for (const event of ['data', 'readable', 'end']) proxyRes.removeAllListeners(event);
    }
    this.#hangUp();
    this.fail(error);
  }

  readonly fail = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    this.#wheel.forget(this);
    this.#dropListeners();
    this.#res.off('close', this.#finish);
    if (this.#accepted && this.#res.headersSent) this.#res.destroy();
    else if (this.#before) restoreHeaders(this.#res, this.#before);
    const told = this.#silence ?? error;
    this.#listener.failed(this.#reader ? this.#reader.blamed(told) : told, this.#proxyReq?.reusedSocket);
  };

  /** httpxy then destroys its request, and says nothing of why. */
  readonly #silent = (): void => {
    const code = this.#accepted ? 'UND_ERR_BODY_TIMEOUT' : 'UND_ERR_HEADERS_TIMEOUT';
    this.#silence = Object.assign(new Error('The upstream was silent'), { code });
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

  /** Before httpxy joins the streams, so that the first chunk is not missed; what it does not pass on is not counted. */
  #countBody(proxyRes: IncomingMessage): void {
    const { exchange } = this.#plan;
    if (this.#options?.selfHandleResponse) return;
    proxyRes.once('pause', () => {
      this.#reader = stalledReader(proxyRes, this.#res);
    });
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
      this.#suspended = this.#res.writableNeedDrain;
      return;
    }
    if (this.#suspended) {
      // Its client has just begun to read again: nothing could arrive before.
      this.#watchBody();
      this.#suspended = false;
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
      proxyRes.unpipe();
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
