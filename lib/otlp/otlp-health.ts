import { Events } from '../core/events.js';
import type { OtlpSignal } from './environment.js';

/** How sending by OTLP goes. */
export interface OtlpStatus {
  readonly signal: OtlpSignal;
  /** `waiting` before the first batch was sent. */
  readonly state: 'waiting' | 'ok' | 'failing';
  /** Code or text of the error; `undefined` unless it fails. */
  readonly reason: string | undefined;
  /** Batches that the collector has taken. */
  readonly sent: number;
  /** Batches that it has not. */
  readonly failed: number;
  /** Spans or metrics that are lost with them, or for which there was no room. */
  readonly lost: number;
}

/** It fails, or works again. */
export interface OtlpChange extends OtlpStatus {
  /** What is to be known, as a sentence. */
  readonly message: string;
}

/** Events of {@link OtlpView}. */
export interface OtlpEvents {
  /** It fails, or works again: once for each of them. */
  change: [event: OtlpChange];
}

/** What is sent by OTLP of one signal. */
export interface OtlpView {
  /** How it goes now. */
  status(): OtlpStatus;
  /** Calls the listener at each such event. */
  on<E extends keyof OtlpEvents>(event: E, listener: (...args: OtlpEvents[E]) => unknown): void;
  /** Removes a listener that {@link on} added. */
  off<E extends keyof OtlpEvents>(event: E, listener: (...args: OtlpEvents[E]) => unknown): void;
}

const MAX_REASON = 200;

/** Knows how the sending goes, and tells of each change once. */
export class OtlpHealth implements OtlpView {
  readonly #events = new Events<OtlpEvents>();
  readonly #signal: OtlpSignal;
  readonly #collector: string;
  #state: OtlpStatus['state'] = 'waiting';
  #reason: string | undefined;
  #sent = 0;
  #failed = 0;
  #lost = 0;

  /** @param collector as a log may show it */
  constructor(signal: OtlpSignal, collector: string) {
    this.#signal = signal;
    this.#collector = collector;
  }

  taken(): void {
    this.#sent++;
    const failed = this.#state === 'failing';
    this.#state = 'ok';
    this.#reason = undefined;
    if (failed) this.#tell(`${this.#signal} are sent to ${this.#collector} again; ${this.#lost} lost so far`);
  }

  failed(error: unknown, items: number): void {
    this.#failed++;
    this.#lost += items;
    this.#reason = reasonOf(error);
    if (this.#state === 'failing') return;
    this.#state = 'failing';
    this.#tell(
      `${this.#signal} cannot be sent to ${this.#collector} (${this.#reason}): calls go on, and what it does not take is lost`,
    );
  }

  /** There was no room for what is to be sent. */
  dropped(): void {
    this.#lost++;
  }

  status(): OtlpStatus {
    return {
      signal: this.#signal,
      state: this.#state,
      reason: this.#reason,
      sent: this.#sent,
      failed: this.#failed,
      lost: this.#lost,
    };
  }

  on<E extends keyof OtlpEvents>(event: E, listener: (...args: OtlpEvents[E]) => unknown): void {
    this.#events.on(event, listener);
  }

  off<E extends keyof OtlpEvents>(event: E, listener: (...args: OtlpEvents[E]) => unknown): void {
    this.#events.off(event, listener);
  }

  #tell(message: string): void {
    this.#events.emit('change', { ...this.status(), message });
  }
}

/** The code of a system error, the status of a response, or what the exporter says; never the text of a response. */
function reasonOf(error: unknown): string {
  const { code, message } = Object(error);
  if (typeof code === 'number') return `status ${code}`;
  return String(code ?? message ?? 'unknown').slice(0, MAX_REASON);
}
