import type {
  Attempt,
  AttemptEnd,
  AttemptFailure,
  AttemptOutcome,
  Permit,
  ResponseHead,
} from '../core/attempt.js';
import type { Egress } from '../core/egress.js';
import { type Exchange, onceUploaded } from '../core/exchange.js';
import { warnOf } from '../core/warning.js';
import { headProblem } from '../http/head-problem.js';
import type { Deadline, DeadlineWheel } from './deadline-wheel.js';
import { proxyFailure, readFailure, timeoutFailure, unreadableFailure } from './failure.js';
import type { AttemptListener, Plan, Sending, Transport } from './transport.js';

/** The call that an attempt is made for. */
export interface AttemptOwner {
  readonly exchange: Exchange;
  /** Judges a head; `false` gives the response up. */
  head(run: AttemptRun, head: ResponseHead): boolean;
  /** Decides what follows a failed attempt, or one whose accepted response broke off. */
  failed(run: AttemptRun, failure: AttemptFailure): void;
  finished(): void;
}

/**
 * One attempt from its first permit to its end: what limits have admitted it and hear of it, its deadline, and what its
 * transport tells.
 */
export class AttemptRun implements Attempt, AttemptListener, Deadline {
  readonly number: number;
  startedAt: number;
  durationMs = 0;
  waitedMs = 0;
  sentAt: number | undefined = undefined;
  egress: string | undefined = undefined;
  outcome: AttemptOutcome | undefined = undefined;
  end: AttemptEnd | undefined = undefined;
  /** On the clock of `performance.now()`. */
  dueAt = 0;
  slot = -1;
  accepted = false;
  readonly #owner: AttemptOwner;
  readonly #wheel: DeadlineWheel;
  /** In the order of the stages. */
  readonly #permits: Permit[] = [];
  #timeoutMs = 0;
  #way: Egress | undefined;
  #sending: Sending | undefined;
  #connected = false;
  /** Its transport was asked to send it. */
  #sent = false;
  /** Its transport was told that nobody waits: nothing that it still tells counts. */
  #deaf = false;

  constructor(number: number, startedAt: number, wheel: DeadlineWheel, owner: AttemptOwner) {
    this.number = number;
    this.startedAt = startedAt;
    this.#wheel = wheel;
    this.#owner = owner;
  }

  /** What it has waited for is not the target's: its limits and its duration begin afterwards. */
  startNow(): void {
    const now = performance.now();
    this.waitedMs += now - this.startedAt;
    this.startedAt = now;
  }

  /** A limit has admitted it, and hears its end. */
  hold(permit: Permit): void {
    this.#permits.push(permit);
  }

  /** A permit that came when all was over. */
  lateEnd(permit: Permit): void {
    this.#tellEnd(permit);
  }

  /** Headers that its permits put in the place of the call's, permit by permit. */
  sending(plan: Plan): (readonly string[])[] | undefined {
    let replaced: (readonly string[])[] | undefined;
    for (const permit of this.#permits) {
      const headers = permit.sending?.(this, this.#owner.exchange, plan);
      // It has ended the call.
      if (this.end) return undefined;
      if (!headers) continue;
      replaced ??= [];
      replaced.push(headers);
    }
    return replaced;
  }

  /** @param timeoutMs bound up to its head; 0 is none */
  start(send: Transport, plan: Plan, timeoutMs: number): void {
    // A permit has ended the call while it was asked for its headers.
    if (this.end) return;
    this.#sent = true;
    this.#way = plan.egress;
    this.#timeoutMs = timeoutMs;
    this.dueAt = this.startedAt + timeoutMs;
    if (timeoutMs > 0) this.#wheel.watch(this);
    const sending = send(plan, this);
    if (this.end) sending.cancel();
    else this.#sending = sending;
  }

  connected(): void {
    this.#connected = true;
    const { exchange } = this.#owner;
    if (!exchange.timed) return;
    onceUploaded(exchange.req, () => {
      if (!this.outcome) this.sentAt = performance.now();
    });
  }

  head(head: ResponseHead): boolean {
    if (this.end || this.#deaf || this.outcome) return false;
    this.#stopClock();
    const problem = headProblem(head);
    if (problem !== undefined) {
      this.#owner.failed(this, unreadableFailure(problem));
      return false;
    }
    // Only a proxy asks for proxy credentials, and its client shall never hear of it.
    if (head.status === 407 && this.#way?.absoluteForm) {
      this.#owner.failed(this, proxyFailure('The egress proxy refused its credentials: status 407'));
      return false;
    }
    this.outcome = { kind: 'response', head };
    try {
      return this.#judge(head);
    } catch (error) {
      // It must not reach the transport, where it would end the process.
      this.#owner.failed(this, readFailure(error));
      return false;
    }
  }

  #judge(head: ResponseHead): boolean {
    for (const permit of this.#permits) {
      permit.head?.(this, this.#owner.exchange);
      // It has ended the call: those behind it have heard the end, and must not hear the head afterwards.
      if (this.end) return false;
    }
    return this.#owner.head(this, head);
  }

  finished(): void {
    if (this.end || this.#deaf) return;
    // An end without a response is none: its client would wait for ever.
    if (!this.accepted) return this.failed(new Error('The transport has ended without a response'));
    this.conclude({ kind: 'complete' });
    this.#owner.finished();
  }

  failed(error: unknown, usedConnection = false): void {
    if (this.end || this.#deaf) return;
    this.#stopClock();
    // What broke off after its head is no connection that the target had closed while it was unused.
    const failure = readFailure(error, usedConnection && this.outcome === undefined);
    // Nothing leaves without a connection, whatever it failed with.
    this.#owner.failed(this, this.#connected || failure.unsent ? failure : { ...failure, unsent: true });
  }

  expire(): void {
    this.#stopClock();
    this.#hangUp();
    // Without a connection the target was never asked. One that waits for a free connection is not the egress
    // proxy's doing either.
    const inTunnel = !this.#connected && this.#way !== undefined && this.#way.opening > 0;
    this.#owner.failed(
      this,
      inTunnel
        ? proxyFailure('The egress proxy made no connection in time')
        : timeoutFailure(this.#timeoutMs),
    );
  }

  /** Nobody waits for it any more, sent or not. */
  cancel(): void {
    if (this.end) return;
    this.#stopClock();
    this.#hangUp();
    this.conclude({ kind: this.#sent ? 'cancelled' : 'unused' });
  }

  /** Told once: every permit hears how it ended. */
  conclude(end: AttemptEnd): void {
    if (this.end) return;
    this.#wheel.forget(this);
    this.end = end;
    this.outcome ??= end.kind === 'failure' ? end : { kind: 'abandoned' };
    for (const permit of this.#permits) this.#tellEnd(permit);
  }

  /** One that fails must not keep the others from hearing it, nor the call from ending. */
  #tellEnd(permit: Permit): void {
    try {
      permit.end?.(this, this.#owner.exchange);
    } catch (error) {
      warnOf('Permit', 'A permit failed at the end of its attempt', error);
    }
  }

  #hangUp(): void {
    this.#deaf = true;
    this.#sending?.cancel();
  }

  #stopClock(): void {
    if (this.outcome) return;
    this.#wheel.forget(this);
    this.durationMs = performance.now() - this.startedAt;
  }
}
