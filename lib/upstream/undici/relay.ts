import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ClientResponse } from '../response/client-response.js';
import { latin1Headers, responseHeaders } from '../response/headers.js';
import { sendInformation } from '../response/interim.js';
import type { LateHeads } from '../response/late-heads.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';

/** What the relays of a transport share. */
export interface RelayTools {
  /** Whether an error came from a connection that had carried a response before. */
  readonly used: (error: unknown) => boolean;
  readonly lateHeads: LateHeads;
}

const DRAIN_BYTES = 64 * 1024;

/**
 * Takes one attempt's answer from undici and hands it to the client, or gets rid of it.
 *
 * In undici's older form of a handler, which is what its newer one is translated to: that parses the fields
 * of every answer into an object that nobody reads here, where they go on byte by byte.
 */
export class Relay implements Dispatcher.DispatchHandler, Sending {
  readonly #plan: Plan;
  readonly #listener: AttemptListener;
  readonly #setCookie: boolean;
  readonly #used: RelayTools['used'];
  readonly #lateHeads: LateHeads;
  #abort: ((reason: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #response: ClientResponse | undefined;
  /** Nobody listens any more: cancelled, refused, or told its end. */
  #over = false;
  #cancelled = false;
  #drained = 0;
  #upload: Readable | undefined;

  constructor(plan: Plan, listener: AttemptListener, setCookie: boolean, { used, lateHeads }: RelayTools) {
    this.#used = used;
    this.#lateHeads = lateHeads;
    this.#plan = plan;
    this.#listener = listener;
    this.#setCookie = setCookie;
  }

  /** Remembers the body that is sent. */
  opened<T extends Buffer | Readable | undefined>(body: T): T {
    if (body && !Buffer.isBuffer(body)) this.#upload = body;
    return body;
  }

  cancel(): void {
    this.#over = true;
    this.#cancelled = true;
    this.#abort?.(new Error('Nobody waits for this attempt any more'));
  }

  onConnect(abort: (reason?: Error) => void): void {
    // It was cancelled in the queue. To abort here would close a good connection; an error keeps it.
    if (this.#cancelled) throw new Error('Nobody waits for this attempt any more');
    this.#abort = abort;
    this.#listener.connected();
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText = ''): boolean {
    if (this.#over) return true;
    const rawHeaders = latin1Headers(raw);
    if (status < 200) {
      sendInformation(this.#plan.exchange, status, rawHeaders);
      return true;
    }
    const head = { status, statusText, rawHeaders };
    if (!this.#listener.head(head)) {
      this.#refuse();
      return true;
    }
    this.#resume = resume;
    const headers = responseHeaders(rawHeaders, { status, setCookie: this.#setCookie });
    // What throws here is handed to onError by undici.
    this.#response = new ClientResponse(this.#plan.exchange, head, headers, this.#lateHeads);
    if (this.#response.ended && status === 304) this.#finish();
    return true;
  }

  /** `false` pauses the connection until it is resumed. */
  onData(chunk: Buffer): boolean {
    const response = this.#response;
    if (!response) {
      this.#drained += chunk.length;
      if (this.#drained > DRAIN_BYTES) this.#abort?.(new Error('The rest of this answer is not wanted'));
      return true;
    }
    if (response.write(chunk)) return true;
    response.onDrain(this.#resume);
    return false;
  }

  onComplete(rawTrailers: string[] | null): void {
    if (this.#over) return;
    this.#response?.end(latin1Headers(rawTrailers));
    this.#finish();
  }

  onError(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#response?.ended) {
      this.#listener.finished();
      return;
    }
    const told = this.#response ? this.#response.cut(error) : error;
    this.#listener.failed(told, this.#used(error));
  }

  /** A short rest is read to keep the connection; one whose upload still runs is of no more use. */
  #refuse(): void {
    this.#over = true;
    if (this.#upload && !this.#upload.readableEnded) this.#abort?.(new Error('This answer is not wanted'));
  }

  #finish(): void {
    this.#over = true;
    this.#listener.finished();
  }
}
