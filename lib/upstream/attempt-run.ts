import type { Egress } from '../core/egress.js';
import type { Attempt, AttemptOutcome, ResponseHead } from '../core/exchange.js';
import type { Deadline, DeadlineWheel } from './deadline-wheel.js';
import { proxyFailure, readFailure, timeoutFailure } from './failure.js';
import type { AttemptListener, Cancel, Transport, UpstreamRequest } from './transport.js';

/** The call that an attempt is made for. */
export interface AttemptOwner {
  /** Judges the head of an answer: whether it is accepted. */
  head(run: AttemptRun, head: ResponseHead): boolean;
  /** Decides what follows a failed attempt. */
  failed(run: AttemptRun, outcome: AttemptOutcome & { kind: 'failure' }): void;
  finished(): void;
}

/** One attempt while it runs: its deadline, and what its transport tells. */
export class AttemptRun implements AttemptListener, Deadline {
  readonly attempt: Attempt;
  readonly dueAt: number;
  slot = -1;
  accepted = false;
  readonly #timeoutMs: number;
  readonly #wheel: DeadlineWheel;
  readonly #owner: AttemptOwner;
  #egress: Egress | undefined;
  #cancelTransport: Cancel | undefined;
  #connected = false;
  #over = false;

  constructor(attempt: Attempt, timeoutMs: number, wheel: DeadlineWheel, owner: AttemptOwner) {
    this.attempt = attempt;
    this.#timeoutMs = timeoutMs;
    this.dueAt = attempt.startedAt + timeoutMs;
    this.#wheel = wheel;
    this.#owner = owner;
  }

  start(send: Transport, request: UpstreamRequest, egress: Egress | undefined): void {
    this.#egress = egress;
    if (this.#timeoutMs > 0) this.#wheel.watch(this);
    this.#cancelTransport = send(request, egress, this);
  }

  connected(): void {
    this.#connected = true;
  }

  head(head: ResponseHead): boolean {
    this.#stopClock();
    // Only a proxy asks for proxy credentials, and its client shall never hear of it.
    if (head.status === 407 && this.#egress?.absoluteForm) {
      this.#over = true;
      this.#owner.failed(this, proxyFailure('The egress proxy refused its credentials: status 407'));
      return false;
    }
    const accepted = this.#owner.head(this, head);
    this.#over = !accepted;
    return accepted;
  }

  finished(): void {
    this.#over = true;
    this.#owner.finished();
  }

  failed(error: unknown, usedConnection = false): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.accepted) this.#stopClock();
    this.#owner.failed(this, readFailure(error, usedConnection));
  }

  expire(): void {
    if (this.#over) return;
    this.cancel();
    // Without a connection the target was never asked. One that waits for a free connection is no fault of
    // the exit's either.
    const inTunnel = !this.#connected && this.#egress !== undefined && this.#egress.opening > 0;
    this.#owner.failed(
      this,
      inTunnel
        ? proxyFailure('The egress proxy made no connection in time')
        : timeoutFailure(this.#timeoutMs),
    );
  }

  cancel(): void {
    this.#over = true;
    this.#stopClock();
    this.#cancelTransport?.();
  }

  #stopClock(): void {
    if (this.attempt.outcome) return;
    this.#wheel.forget(this);
    this.attempt.durationMs = performance.now() - this.attempt.startedAt;
  }
}
