import type { Socket } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { Egress } from '../exchange.js';
import { ClientAnswer } from './client-answer.js';
import { sendInformation } from './information.js';
import { latin1Fields, responseFields } from './response-fields.js';
import type { Target } from './target.js';
import type { AttemptListener, Cancel, UpstreamRequest } from './transport.js';

/** Sizes and limits of the connections to the targets. */
export interface ConnectionOptions {
  readonly connections: number;
  readonly keepAliveTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxResponseHeaderBytes: number;
  /** Whether the target's certificate must be trusted. */
  readonly secure: boolean;
  /** Whether `Set-Cookie` goes back to the client. */
  readonly setCookie: boolean;
}

const MAX_POOLS = 1000;
const DRAIN_BYTES = 64 * 1024;

/** Sends attempts through undici's pools: one for each target and exit, so that tunnels are reused. */
export class UndiciTransport {
  readonly #options: ConnectionOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #bytesRead = new WeakMap<object, number>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  readonly send = (
    request: UpstreamRequest,
    egress: Egress | undefined,
    listener: AttemptListener,
  ): Cancel => {
    const { target, method, body } = request;
    const relay = new Relay(request, listener, this.#options.setCookie, this.#used);
    const absolute = egress?.absoluteForm;
    try {
      this.#pool(target, egress).dispatch(
        {
          path: absolute ? target.origin + request.path : request.path,
          method: method as Dispatcher.HttpMethod,
          headers: absolute
            ? [...request.rawHeaders, ...absolute.rawHeaders]
            : (request.rawHeaders as string[]),
          body: relay.opened(body?.open()),
          // A HEAD would else close its connection.
          reset: false,
          headersTimeout: 0,
          // Without it undici takes the name for SNI and the certificate from the Host field.
          ...{ servername: target.servername ?? target.origin },
        },
        relay,
      );
    } catch (error) {
      relay.onResponseError(undefined, error);
    }
    return relay.cancel;
  };

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  /** Whether the error came from a connection that had carried an answer before. */
  readonly #used = (error: unknown): boolean => {
    if (typeof error !== 'object' || error === null) return false;
    const socket: unknown = Reflect.get(error, 'socket');
    const seen = typeof socket === 'object' && socket !== null ? Reflect.get(socket, 'bytesRead') : undefined;
    return (typeof seen === 'number' ? seen : (this.#bytesRead.get(error) ?? 0)) > 0;
  };

  #pool(target: Target, egress: Egress | undefined): Pool {
    const key = egress ? `${target.origin} ${egress.name}` : target.origin;
    const known = this.#pools.get(key);
    if (known) return known;
    const pool = this.#open(target, egress);
    this.#pools.set(key, pool);
    if (this.#pools.size > MAX_POOLS) this.#closeOldest();
    return pool;
  }

  /** A router that names ever new targets must not collect pools for ever. */
  #closeOldest(): void {
    const [oldest] = this.#pools;
    if (!oldest) return;
    this.#pools.delete(oldest[0]);
    oldest[1].close(() => {});
  }

  #open(target: Target, egress: Egress | undefined): Pool {
    const { connections, keepAliveTimeoutMs, bodyTimeoutMs, maxResponseHeaderBytes } = this.#options;
    return new Pool(egress?.absoluteForm?.origin ?? target.origin, {
      connections,
      pipelining: 1,
      keepAliveTimeout: keepAliveTimeoutMs,
      headersTimeout: 0,
      bodyTimeout: bodyTimeoutMs,
      maxHeaderSize: maxResponseHeaderBytes,
      connect: this.#connector(target, egress),
      // A reset HTTP/2 stream without Content-Length looks like a clean end.
      allowH2: false,
    });
  }

  #connector(target: Target, egress: Egress | undefined): buildConnector.connector {
    const { connectTimeoutMs, secure } = this.#options;
    const connect =
      egress?.connector ??
      buildConnector({ timeout: connectTimeoutMs, rejectUnauthorized: secure, allowH2: false });
    return (options, callback) => {
      connect({ ...options, servername: target.servername }, (...[error, socket]) => {
        if (error || !socket) return callback(error ?? new Error('no socket'), null);
        // A bare ECONNRESET does not say whether its connection had been used before.
        closeWhenAborted(socket);
        socket.prependListener('error', (failure) => this.#bytesRead.set(failure, socket.bytesRead));
        callback(null, socket);
      });
    };
  }
}

/**
 * undici closes the connection of an aborted request with an error of its own, after which it takes the
 * request for unsent and opens a connection that nobody uses. Closed without one, it lets go of it.
 */
function closeWhenAborted(socket: Socket): void {
  const { destroy } = socket;
  socket.destroy = (error) => destroy.call(socket, error?.message === 'aborted' ? undefined : error);
}

/** Takes one attempt's answer from undici and hands it to the client, or gets rid of it. */
class Relay implements Dispatcher.DispatchHandler {
  readonly #request: UpstreamRequest;
  readonly #listener: AttemptListener;
  readonly #setCookie: boolean;
  readonly #used: (error: unknown) => boolean;
  #controller: Dispatcher.DispatchController | undefined;
  #answer: ClientAnswer | undefined;
  /** Nobody listens any more: cancelled, refused, or told its end. */
  #over = false;
  #cancelled = false;
  #drained = 0;
  #upload: { readonly readableEnded: boolean } | undefined;

  constructor(
    request: UpstreamRequest,
    listener: AttemptListener,
    setCookie: boolean,
    used: (error: unknown) => boolean,
  ) {
    this.#used = used;
    this.#request = request;
    this.#listener = listener;
    this.#setCookie = setCookie;
  }

  opened<T extends Buffer | import('node:stream').Readable | undefined>(body: T): T {
    if (body && !Buffer.isBuffer(body)) this.#upload = body;
    return body;
  }

  readonly cancel = (): void => {
    this.#over = true;
    this.#cancelled = true;
    this.#controller?.abort(new Error('Nobody waits for this attempt any more'));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // It was cancelled in the queue. To abort here would close a good connection; an error keeps it.
    if (this.#cancelled) throw new Error('Nobody waits for this attempt any more');
    this.#controller = controller;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText = '',
  ): void {
    if (this.#over) return;
    const rawHeaders = latin1Fields(controller.rawHeaders);
    if (status < 200) {
      sendInformation(this.#request.exchange, status, rawHeaders);
      return;
    }
    const head = { status, statusText, rawHeaders };
    if (!this.#listener.head(head)) {
      this.#refuse(controller);
      return;
    }
    const fields = responseFields(rawHeaders, { status, setCookie: this.#setCookie });
    // What throws here is handed to onResponseError by undici.
    this.#answer = new ClientAnswer(this.#request.exchange, head, fields);
    if (this.#answer.ended && status === 304) this.#finish();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const answer = this.#answer;
    if (!answer) {
      this.#drained += chunk.length;
      if (this.#drained > DRAIN_BYTES) controller.abort(new Error('The rest of this answer is not wanted'));
      return;
    }
    if (answer.write(chunk)) return;
    controller.pause();
    answer.onDrain(() => controller.resume());
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#over) return;
    this.#answer?.end(latin1Fields(controller.rawTrailers));
    this.#finish();
  }

  onResponseError(_controller: unknown, error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#answer?.ended) {
      this.#listener.finished();
      return;
    }
    this.#answer?.cut();
    this.#listener.failed(error, this.#used(error));
  }

  /** A short rest is read to keep the connection; one whose upload still runs is of no more use. */
  #refuse(controller: Dispatcher.DispatchController): void {
    this.#over = true;
    if (this.#upload && !this.#upload.readableEnded) controller.abort(new Error('This answer is not wanted'));
  }

  #finish(): void {
    this.#over = true;
    this.#listener.finished();
  }
}
