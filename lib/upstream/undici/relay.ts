import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { HeldBody, ResponseHead } from '../../core/attempt.js';
import { noStack } from '../../core/no-stack.js';
import { endsConnection } from '../node/connection.js';
import { ClientResponse } from '../response/client-response.js';
import { DRAIN_BYTES, DRAIN_MS } from '../response/drain.js';
import { latin1Headers, type ResponseRules, responseHeaders } from '../response/headers.js';
import { HeldChunks } from '../response/held-body.js';
import { InterimResponses } from '../response/interim.js';
import type { LateHeads } from '../response/late-heads.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import { type Connection, type Pausing, sentStatus } from './connection.js';

/** What the relays of a transport share. */
export interface RelayTools {
  /** Whether an error came from a connection that had carried a response before. */
  readonly used: (error: unknown, bytesBefore?: number) => boolean;
  readonly lateHeads: LateHeads;
  readonly pausing: Pausing;
}

/**
 * Takes one attempt's response from undici and passes it to the client, or discards it.
 *
 * It implements the older form of undici's handlers, which undici translates to the newer one: that one parses the
 * headers of every response into an object, which is not needed here, where they are passed on byte by byte.
 */
export class Relay implements Dispatcher.DispatchHandler, Sending {
  readonly #plan: Plan;
  readonly #listener: AttemptListener;
  readonly #rules: ResponseRules;
  readonly #used: RelayTools['used'];
  readonly #lateHeads: LateHeads;
  readonly #pausing: Pausing;
  #abort: ((reason: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #response: ClientResponse | undefined;
  /** A head that waits for its body. */
  #held: { readonly head: ResponseHead; readonly chunks: HeldChunks } | undefined;
  /** No more calls to the listener: cancelled, discarded, or ended. */
  #over = false;
  #cancelled = false;
  #drained = 0;
  #drainTimer: NodeJS.Timeout | undefined;
  #chunks = 0;
  #upload: Readable | undefined;
  #client: Connection | undefined;
  #interim: InterimResponses | undefined;

  constructor(plan: Plan, listener: AttemptListener, rules: ResponseRules, tools: RelayTools) {
    this.#used = tools.used;
    this.#lateHeads = tools.lateHeads;
    this.#pausing = tools.pausing;
    this.#plan = plan;
    this.#listener = listener;
    this.#rules = rules;
  }

  /** Remembers the body that is sent. */
  opened<T extends Buffer | Readable | undefined>(body: T): T {
    if (body && !Buffer.isBuffer(body)) this.#upload = body;
    return body;
  }

  cancel(): void {
    this.#over = true;
    this.#cancelled = true;
    noStack(() => this.#abort?.(new Error('The attempt was cancelled')));
  }

  stop(reason: Error): void {
    noStack(() => this.#abort?.(reason));
  }

  get received(): number {
    return this.#chunks;
  }

  /** A client of the pool has taken it, and opens a connection for it where it has none. */
  assigned(client: Connection): void {
    this.#client = client;
    if (!this.#over) this.#listener.connecting();
  }

  onConnect(abort: (reason?: Error) => void): void {
    // Cancelled in the queue. To abort here would close a good connection; an error keeps it open.
    if (this.#cancelled) throw new Error('The attempt was cancelled');
    this.#abort = abort;
    if (this.#plan.exchange.req.headers.te !== undefined) this.#announceTe();
    this.#listener.connected();
  }

  #announceTe(): void {
    if (this.#plan.rawHeaders.includes('te')) this.#client?.announceTe();
  }

  onRequestSent(): void {
    const { method, body } = this.#plan;
    if (endsConnection(method, body !== undefined)) this.#client?.replace();
    if (!this.#over) this.#listener.sent();
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText = ''): boolean {
    if (this.#over) return true;
    const rawHeaders = latin1Headers(raw);
    if (status < 200) {
      this.#pass(sentStatus(status), rawHeaders);
      return true;
    }
    const head = { status, statusText, rawHeaders };
    this.#resume = resume;
    if (this.#listener.wantsBody(head)) this.#held = { head, chunks: new HeldChunks() };
    else if (this.#accept(head)) this.#finishIfEnded(status);
    else this.#refuse();
    return true;
  }

  /** @returns whether it is passed on */
  #accept(head: ResponseHead, body?: HeldBody): boolean {
    if (!this.#listener.head(head, body)) return false;
    const { exchange, method } = this.#plan;
    const { setCookie, rewriteLocation } = this.#rules;
    const facts = { status: head.status, setCookie, rewriteLocation, sent: this.#plan };
    const headers = responseHeaders(head.rawHeaders, exchange, facts);
    // undici passes what is thrown here to onError.
    this.#response = new ClientResponse(exchange, head, headers, this.#lateHeads, method);
    return true;
  }

  #finishIfEnded(status: number): void {
    if (this.#response?.ended && status === 304) this.#finish();
  }

  /** The body is too large to be waited for: it is passed on as it comes. */
  #letGo(): boolean {
    const body = this.#acceptHeld(false);
    if (body) return this.#write(body);
    this.#refuse();
    return true;
  }

  /** @returns what is to be written of the body; `undefined` if the response is not passed on */
  #acceptHeld(complete: boolean): Buffer | undefined {
    if (!this.#held) return undefined;
    const { head, chunks } = this.#held;
    this.#held = undefined;
    const body = chunks.end(complete);
    return this.#accept(head, body) ? body.bytes : undefined;
  }

  #pass(status: number, rawHeaders: string[]): void {
    if (!this.#client) return;
    this.#interim ??= new InterimResponses(
      { plan: this.#plan, listener: this.#listener, rules: this.#rules },
      this.#client,
    );
    const error = this.#interim.pass(status, rawHeaders);
    if (error) this.#abort?.(error);
  }

  /** @returns `false` to pause the connection until it is resumed */
  onData(chunk: Buffer): boolean {
    // A parser that is resumed at the end of its connection has nothing to pass, and must not be paused again.
    if (chunk.length === 0) return true;
    this.#chunks++;
    if (this.#held) return this.#held.chunks.add(chunk) || this.#letGo();
    if (!this.#response) {
      this.#drained += chunk.length;
      if (this.#drained > DRAIN_BYTES) this.#leave();
      return true;
    }
    return this.#write(chunk);
  }

  #write(chunk: Buffer): boolean {
    const response = this.#response;
    if (!response || response.write(chunk)) return true;
    response.onDrain(this.#resume);
    this.#pausing.resume = this.#resume;
    return false;
  }

  onComplete(rawTrailers: string[] | null): void {
    clearTimeout(this.#drainTimer);
    if (this.#over) return;
    if (this.#held) {
      const body = this.#acceptHeld(true);
      if (!body) {
        this.#over = true;
        return;
      }
      if (body.length > 0) this.#response?.write(body);
    }
    this.#response?.end(latin1Headers(rawTrailers));
    this.#finish();
  }

  onError(error: unknown): void {
    clearTimeout(this.#drainTimer);
    if (this.#over) return;
    this.#over = true;
    if (this.#response?.ended) {
      this.#listener.finished();
      return;
    }
    // First the reason, for those who hear of the end of the response.
    this.#listener.failed(error, this.#used(error, this.#client?.bytesBefore) || this.#client?.hasIdled);
    this.#response?.cut();
  }

  /**
   * Reads a short rest of the response to keep the connection. A connection whose upload still runs cannot be reused.
   */
  #refuse(): void {
    this.#over = true;
    if (this.#upload && !this.#upload.readableEnded) return this.#leave();
    this.#drainTimer = setTimeout(() => this.#leave(), DRAIN_MS);
    this.#drainTimer.unref();
  }

  #leave(): void {
    this.#abort?.(new Error('The response was discarded'));
  }

  #finish(): void {
    this.#over = true;
    this.#listener.finished();
  }
}
