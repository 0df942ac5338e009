import type { EventEmitter } from 'node:events';
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from 'httpxy';
import type { Egress } from '../exchange.js';
import { sendInformation } from './information.js';
import { responseFields } from './response-fields.js';
import type { AttemptListener, Cancel, UpstreamRequest } from './transport.js';
import type { ConnectionOptions } from './undici-transport.js';

const DRAIN_BYTES = 64 * 1024;

/**
 * Sends attempts through httpxy's own `web`, for options that need Node's `ClientRequest` or httpxy's
 * passes over the answer. It has a proxy server of its own, so that the events of an attempt that is
 * given up stay here; those of an accepted one go on to http-proxy-middleware's.
 */
export class NodeTransport {
  readonly #server: ProxyServer = createProxyServer({});
  readonly #runs = new WeakMap<IncomingMessage, NodeRun>();
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  /** @param server http-proxy-middleware's own, on which users listen */
  constructor(server: ProxyServer, { connections, setCookie }: ConnectionOptions) {
    // Not httpxy's: they are shared by the whole process and nobody could close them.
    const pool = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
    this.#http = new http.Agent(pool);
    this.#https = new https.Agent(pool);
    this.#server.on('start', (req, res, target) => {
      if (this.#runs.get(req)?.listener.attempt.number === 1) server.emit('start', req, res, target);
    });
    this.#server.on('proxyReq', (proxyReq, req, res, options) => {
      const run = this.#runs.get(req);
      if (run?.begin(proxyReq, options)) server.emit('proxyReq', proxyReq, req, res, options);
    });
    this.#server.on('proxyRes', (proxyRes, req, res) => {
      const run = this.#runs.get(req);
      if (run?.judge(proxyRes, setCookie)) server.emit('proxyRes', proxyRes, req, res);
    });
    this.#server.on('end', (req, res, proxyRes) => {
      if (this.#runs.get(req)?.end(proxyRes)) server.emit('end', req, res, proxyRes);
    });
    this.#server.on('econnreset', (error, req, res, target) =>
      server.emit('econnreset', error, req, res, target),
    );
  }

  readonly send = (
    request: UpstreamRequest,
    egress: Egress | undefined,
    listener: AttemptListener,
  ): Cancel => {
    const { req, res } = request.exchange;
    const run = new NodeRun(request, listener);
    this.#runs.set(req, run);
    const options: ProxyServerOptions = { ...request.proxyOptions, buffer: bodySource(request) };
    options.agent = egress?.agent ?? options.agent ?? this.#agent(request);
    if (request.method !== req.method) Object.assign(options, { method: request.method });
    this.#server.web(req, res, options).then(run.closed, run.fail);
    run.adoptListeners();
    return run.cancel;
  };

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #agent({ target }: UpstreamRequest): http.Agent {
    return target.origin.startsWith('https:') ? this.#https : this.#http;
  }
}

/** httpxy pipes this into its request in place of the client's own stream. */
function bodySource({ body, proxyOptions }: UpstreamRequest): Readable {
  const opened = body?.open();
  if (opened instanceof Readable) return opened;
  if (proxyOptions.followRedirects) return Readable.from(opened ? [opened] : []);
  const atOnce = { pipe: (to: ClientRequest) => to.end(opened) };
  // httpxy asks nothing of a source but `pipe`; a stream for a body that is here, or is none, costs more.
  return atOnce as unknown as Readable;
}

class NodeRun {
  readonly listener: AttemptListener;
  readonly #request: UpstreamRequest;
  readonly #res: ServerResponse;
  readonly #marks: readonly { emitter: EventEmitter; event: string; before: number }[];
  readonly #added: (() => void)[] = [];
  #proxyReq: ClientRequest | undefined;
  #options: ProxyServerOptions | undefined;
  #over = false;
  #accepted = false;

  constructor(request: UpstreamRequest, listener: AttemptListener) {
    this.#request = request;
    this.listener = listener;
    this.#res = request.exchange.res;
    const mark = (emitter: EventEmitter, event: string) => ({
      emitter,
      event,
      before: emitter.listenerCount(event),
    });
    this.#marks = [mark(this.#res, 'close'), mark(this.#res, 'error'), mark(request.exchange.req, 'error')];
  }

  /** The request has its socket and is not sent yet. */
  begin(proxyReq: ClientRequest, options: ProxyServerOptions): boolean {
    this.#proxyReq = proxyReq;
    this.#options = options;
    if (this.#over) {
      proxyReq.destroy();
      return false;
    }
    putFields(proxyReq, this.#request);
    proxyReq.on('information', (info) =>
      sendInformation(this.#request.exchange, info.statusCode, info.rawHeaders),
    );
    return true;
  }

  judge(proxyRes: IncomingMessage, setCookie: boolean): boolean {
    if (this.#over) return false;
    const status = proxyRes.statusCode ?? 0;
    const { rawHeaders, statusMessage: statusText = '' } = proxyRes;
    this.#accepted = this.listener.head({ status, statusText, rawHeaders });
    if (!this.#accepted) {
      this.#refuse(proxyRes);
      return false;
    }
    this.#request.exchange.answeredAt = performance.now();
    // httpxy copies the joined fields; an array keeps repeated lines apart.
    const fields = responseFields(rawHeaders, { status, setCookie });
    const headers: NodeJS.Dict<string | string[]> = Object.create(null);
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const name = (fields[i] ?? '').toLowerCase();
      const value = fields[i + 1] ?? '';
      const before = headers[name];
      headers[name] = before === undefined ? value : [before, value].flat();
    }
    Object.assign(proxyRes, { headers });
    return true;
  }

  end(proxyRes: IncomingMessage): boolean {
    if (this.#over) return false;
    this.#over = true;
    const { rawTrailers } = proxyRes;
    if (rawTrailers.length > 0 && !this.#res.writableEnded) this.#res.addTrailers(proxyRes.trailers);
    this.listener.finished();
    return true;
  }

  readonly fail = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    this.#dropListeners();
    if (this.#accepted && this.#res.headersSent) this.#res.destroy();
    this.listener.failed(error, this.#proxyReq?.reusedSocket);
  };

  /** The client's response closed before the answer had ended. */
  readonly closed = (): void => {
    this.fail(Object.assign(new Error('The answer broke off'), { code: 'ECONNRESET' }));
  };

  readonly cancel = (): void => {
    this.#over = true;
    this.#dropListeners();
    this.#proxyReq?.on('error', () => {}).destroy();
  };

  /** Remembers the listeners that httpxy puts on the client's request and response for each attempt. */
  adoptListeners(): void {
    for (const { emitter, event, before } of this.#marks) {
      for (const listener of emitter.listeners(event).slice(before)) {
        this.#added.push(() => emitter.off(event, listener as () => void));
      }
    }
  }

  #dropListeners(): void {
    for (const drop of this.#added.splice(0)) drop();
  }

  /**
   * Keeps httpxy from copying this answer. Its listeners would destroy the client's response with an
   * answer that is destroyed early, so they are taken off as soon as they are on.
   */
  #refuse(proxyRes: IncomingMessage): void {
    this.#over = true;
    if (this.#options) this.#options.selfHandleResponse = true;
    this.#dropListeners();
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

function drain(proxyRes: IncomingMessage): void {
  let bytes = 0;
  proxyRes.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES) proxyRes.destroy();
  });
}

const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection']);

/** Gives the request the same fields as the other transport sends, whatever httpxy copied. */
function putFields(proxyReq: ClientRequest, { rawHeaders, body }: UpstreamRequest): void {
  const wanted = new Map<string, string | string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    const before = wanted.get(name);
    wanted.set(name, before === undefined ? value : [before, value].flat());
  }
  for (const name of proxyReq.getHeaderNames()) {
    if (!wanted.has(name) && !FRAMING.has(name)) proxyReq.removeHeader(name);
  }
  for (const [name, value] of wanted) proxyReq.setHeader(name, value);
  proxyReq.setHeader('connection', proxyReq.shouldKeepAlive ? 'keep-alive' : 'close');
  const whole = body?.rebuilt ? body.open() : undefined;
  if (!Buffer.isBuffer(whole)) return;
  if (proxyReq.hasHeader('transfer-encoding')) proxyReq.removeHeader('transfer-encoding');
  proxyReq.setHeader('content-length', whole.length);
}
