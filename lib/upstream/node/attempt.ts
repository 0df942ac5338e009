import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { ProxyServerOptions } from 'httpxy';
import { breakOff } from '../../core/break-off.js';
import { lingerWhileUploading } from '../../core/linger.js';
import { addRequestId } from '../../http/write-head.js';
import { unreadableFailure } from '../failure.js';
import { readBeforeWriteError } from '../read-before-error.js';
import { drain } from '../response/drain.js';
import { besideHeaders, responseHeaders } from '../response/headers.js';
import { type HeadersBefore, headersBefore, restoreHeaders } from '../response/headers-before.js';
import { addTrailers } from '../response/trailers.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { keepAllHeaders, sendConnection } from './connection.js';
import { headOf, heldBodyOf, holdResponse } from './held-response.js';
import { hearInterim, refuseSwitch } from './interim.js';
import { ListenerMark } from './listener-mark.js';
import { countBody, flushHead } from './passed-body.js';
import { Redirects } from './redirects.js';
import { type StandIn, standIn } from './stand-in.js';
import { stay } from './stay.js';
import { whenOpen } from './when-open.js';

/** What the transport provides to its attempts. */
export interface NodeTools {
  /** The error for a connection that closed without giving a reason. */
  readonly brokenOff: () => Error;
  /** The pool for this URL. */
  readonly agentOf: (url: URL) => ProxyServerOptions['agent'];
}

/** One attempt of the node transport: runs httpxy, judges the response, and cleans up. */
export class NodeAttempt implements Sending {
  /** A listener of `on.proxyReq` has begun to write the body. */
  bodyWritten = false;
  readonly #plan: Plan;
  readonly #listener: AttemptListener;
  readonly #limits: ConnectionOptions;
  readonly #brokenOff: () => Error;
  readonly #res: ServerResponse;
  readonly #closeMark: ListenerMark;
  readonly #marks: readonly ListenerMark[];
  readonly #stand: StandIn;
  #proxyReq: ClientRequest | undefined;
  #options: ProxyServerOptions | undefined;
  readonly #agentOf: NodeTools['agentOf'];
  #redirects: Redirects | undefined;
  #over = false;
  #accepted = false;
  /** An accepted body that nothing but its connection's close ends. */
  #endedByClose = false;
  /** All of the response is here; who handles it himself may still be at it. */
  #arrived = false;
  #silence: Error | undefined;
  #before: HeadersBefore | undefined;

  constructor(
    plan: Plan,
    listener: AttemptListener,
    limits: ConnectionOptions,
    { brokenOff, agentOf }: NodeTools,
  ) {
    this.#agentOf = agentOf;
    this.#brokenOff = brokenOff;
    const { res } = plan.exchange;
    this.#plan = plan;
    this.#listener = listener;
    this.#limits = limits;
    this.#res = res;
    this.#closeMark = new ListenerMark(res, 'close');
    this.#marks = [this.#closeMark, new ListenerMark(res, 'error')];
    this.#stand = standIn(plan);
  }

  get req(): IncomingMessage {
    return this.#plan.exchange.req;
  }

  /** What httpxy uses as the client's request. */
  get clientRequest(): IncomingMessage {
    // httpxy only reads properties and listens for errors, which the exchange handles itself.
    return this.#stand as unknown as IncomingMessage;
  }

  /** Called when the request has its socket and is not sent yet. @returns `false` if it is no longer wanted */
  begin(proxyReq: ClientRequest, options: ProxyServerOptions): boolean {
    this.#proxyReq = proxyReq;
    this.#options = options;
    if (this.#over) {
      this.#hangUp();
      return false;
    }
    const { body } = this.#plan;
    if (proxyReq.socket) whenOpen(proxyReq.socket, this.#listener);
    if (body) proxyReq.once('finish', () => this.#listener.sent());
    sendConnection(proxyReq);
    keepAllHeaders(proxyReq);
    if (options.proxyTimeout) proxyReq.once('timeout', this.#silent);
    if (options.followRedirects) {
      this.#redirects ??= new Redirects(this.#plan, this.#limits.redirects, this.#agentOf);
      this.#redirects.begin(proxyReq, options);
    }
    if (proxyReq.socket) readBeforeWriteError(proxyReq.socket);
    const refused = (error: Error) => this.hookFailed(error);
    hearInterim(proxyReq, { plan: this.#plan, listener: this.#listener, rules: this.#limits }, refused);
    refuseSwitch(proxyReq, refused);
    // At once: Node takes a body for complete that its close would have ended, right after it has told of a reset.
    proxyReq.prependListener('error', (error) => {
      if (proxyReq === this.#proxyReq && this.#endedByClose && !this.#arrived) this.fail(error);
    });
    if (this.#plan.exchange.bodyReaders)
      holdResponse(proxyReq, this.fail, (proxyRes) => this.#listener.wantsBody(headOf(proxyRes)));
    proxyReq.on('close', () => {
      // A part of an accepted response may still wait for the client to read.
      if (proxyReq === this.#proxyReq && !this.#accepted) this.closed();
    });
    return true;
  }

  /** Called with the head of a response. @returns `false` if it is not passed on */
  judge(proxyRes: IncomingMessage): boolean {
    if (this.#over) return false;
    const status = proxyRes.statusCode ?? 0;
    if (status < 200) {
      this.hookFailed(unreadableFailure(`status ${status}`).error, proxyRes);
      return false;
    }
    const head = headOf(proxyRes);
    const { rawHeaders } = head;
    proxyRes.statusMessage = head.statusText;
    this.#accepted = this.#listener.head(head, heldBodyOf(proxyRes));
    if (!this.#accepted) {
      this.#over = true;
      this.#disown(proxyRes);
      return false;
    }
    // Before httpxy's own listener, which destroys the client's response: the call would take that for a client that
    // has left.
    proxyRes.once('error', this.fail);
    this.#endedByClose = !proxyRes.headers['content-length'] && !proxyRes.headers['transfer-encoding'];
    this.#before = headersBefore(this.#res);
    // httpxy reads these headers of the client's request for the response: Host for redirects, Connection for
    // keep-alive.
    const { host, connection } = this.req.headers;
    const closes = !this.#res.shouldKeepAlive || /\bclose\b/i.test(connection ?? '');
    this.#stand.headers = { host, connection: closes ? 'close' : connection && 'keep-alive' };
    const { setCookie, rewriteLocation } = this.#limits;
    const facts = { status, setCookie, rewriteLocation, sent: this.#plan };
    const headers = responseHeaders(rawHeaders, this.#plan.exchange, facts);
    addRequestId(this.#res, headers);
    Object.assign(proxyRes, { headers: besideHeaders(this.#res, headers) });
    lingerWhileUploading(this.req);
    // What a listener writes itself is not counted.
    if (!this.#options?.selfHandleResponse) {
      countBody(proxyRes, this.#res, this.#plan.exchange);
      flushHead(this.#res);
    }
    return true;
  }

  /** httpxy throws on a Location that it should rewrite and cannot parse: such a one goes to the client unchanged. */
  keepLocation({ headers }: IncomingMessage): void {
    const { hostRewrite, autoRewrite, protocolRewrite } = this.#options ?? {};
    const { location } = headers;
    if (location === undefined || !(hostRewrite || autoRewrite || protocolRewrite)) return;
    if (URL.canParse(location, this.#plan.target.origin) || this.#over || this.#res.headersSent) return;
    this.#res.setHeader('location', location);
    delete headers.location;
  }

  /** Called when the response has arrived in full. */
  end(proxyRes: IncomingMessage): boolean {
    if (this.#over) return false;
    this.#arrived = true;
    const ended = this.#res.writableEnded;
    if (proxyRes.rawTrailers.length > 0 && !ended)
      addTrailers(this.#res, proxyRes.rawTrailers, proxyRes.rawHeaders);
    // A listener that writes the response itself may still be at work, and may fail.
    if (this.#options?.selfHandleResponse && !ended) this.#res.once('close', this.#finish);
    else this.#finish();
    return true;
  }

  readonly #finish = (): void => {
    if (this.#over) return;
    this.#over = true;
    this.#listener.finished();
  };

  get received(): number {
    return this.#arrived ? Number.POSITIVE_INFINITY : (this.#proxyReq?.socket?.bytesRead ?? 0);
  }

  stop(reason: Error): void {
    this.#hangUp();
    this.fail(reason);
  }

  /** What the attempt sends. */
  get plan(): Plan {
    return this.#plan;
  }

  /** Whether a user's function that fails now can still fail the call. */
  get open(): boolean {
    return !this.#over;
  }

  /** A user's function failed: this ends the call and its response. */
  hookFailed(error: unknown, proxyRes?: IncomingMessage): void {
    if (this.#over) return;
    if (proxyRes) {
      this.#disown(proxyRes);
      // The listeners that it has added to the response would go on as if nothing had happened.
      for (const event of ['data', 'readable', 'end']) proxyRes.removeAllListeners(event);
    }
    this.#hangUp();
    this.fail(error);
  }

  readonly fail = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    this.#dropListeners();
    this.#res.off('close', this.#finish);
    const begun = this.#accepted && this.#res.headersSent;
    if (!begun && this.#before) restoreHeaders(this.#res, this.#before);
    this.#listener.failed(this.#silence ?? error, this.#proxyReq?.reusedSocket);
    // After the reason, for those who hear of the end of the response.
    if (begun) breakOff(this.#res);
  };

  /** On this time-out httpxy destroys its request without a reason. */
  readonly #silent = (): void => {
    const code = this.#accepted ? 'UND_ERR_BODY_TIMEOUT' : 'UND_ERR_HEADERS_TIMEOUT';
    this.#silence = Object.assign(new Error('The upstream timed out'), { code });
  };

  /** A connection closed before the response had ended. */
  readonly closed = (): void => {
    if (!this.#over) this.fail(this.#brokenOff());
  };

  readonly cancel = (): void => {
    this.#over = true;
    this.#dropListeners();
    this.#hangUp();
  };

  #hangUp(): void {
    this.#proxyReq?.on('error', () => {}).destroy();
  }

  /** Remembers the listeners that httpxy has added to the client's response for this attempt. */
  adoptListeners(): void {
    for (const mark of this.#marks) mark.close();
  }

  /** Called when httpxy has begun. */
  begun(): void {
    stay(this.#closeMark, this.#res, this.#plan.exchange);
    this.adoptListeners();
  }

  /** Called with an accepted response, before httpxy adds its listeners and pipes it. */
  passing(): void {
    const mark = new ListenerMark(this.#res, 'close');
    process.nextTick(() => stay(mark, this.#res, this.#plan.exchange));
  }

  #dropListeners(): void {
    for (const mark of this.#marks) mark.drop();
  }

  /**
   * Keeps httpxy from copying this response. Its listeners destroy the client's response together with one that is
   * destroyed early, so they are removed as soon as they are added.
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
