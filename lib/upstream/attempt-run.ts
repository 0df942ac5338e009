import type {
  Attempt,
  AttemptEnd,
  AttemptFailure,
  AttemptOutcome,
  HeldBody,
  ResponseHead,
} from '../core/attempt.js';
import { breakOff } from '../core/break-off.js';
import type { Egress } from '../core/egress.js';
import type { Exchange, Permit } from '../core/exchange.js';
import { requestTimeout } from '../core/read-ahead.js';
import { headProblem } from '../http/head-problem.js';
import { codingProblem } from '../http/transfer-coding.js';
import { AttemptClock, type ClockOwner, type Phase, type PhaseLimits } from './attempt-clock.js';
import type { DeadlineWheel } from './deadline-wheel.js';
import { proxyFailure, readFailure, slowReaderFailure, unreadableFailure, uploadFailure } from './failure.js';
import { bodyStopped, lapseFailure } from './lapse.js';
import { mayHold } from './response/held-body.js';
import { tellEnd } from './tell-end.js';
import type { TimeBudget } from './time-budget.js';
import type { AttemptListener, Plan, Sending, Transport } from './transport.js';

/** What the attempts of a `forward()` share. */
export interface RunTools {
  readonly wheel: DeadlineWheel;
  readonly limits: PhaseLimits;
}

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
 * One attempt from its first permit to its end: what limits have admitted it and hear of it, its clock, and what its
 * transport tells.
 */
export class AttemptRun implements Attempt, AttemptListener, ClockOwner {
  readonly number: number;
  startedAt: number;
  durationMs = 0;
  waitedMs = 0;
  egress: string | undefined = undefined;
  egressVaries = false;
  outcome: AttemptOutcome | undefined = undefined;
  end: AttemptEnd | undefined = undefined;
  accepted = false;
  readonly #owner: AttemptOwner;
  readonly #tools: RunTools;
  /** In the order of the stages. */
  readonly #permits: Permit[] = [];
  #clock: AttemptClock | undefined;
  #budget: TimeBudget | undefined;
  #plan: Plan | undefined;
  #sending: Sending | undefined;
  #connected = false;
  /** Its transport was asked to send it. */
  #sent = false;
  /** Its head waits for its body. */
  #holds = false;
  /** Its transport was told that nobody waits: nothing that it still tells counts. */
  #deaf = false;

  constructor(number: number, startedAt: number, tools: RunTools, owner: AttemptOwner) {
    this.number = number;
    this.startedAt = startedAt;
    this.#tools = tools;
    this.#owner = owner;
  }

  /** What it has waited for is not the target's: its limits and its duration begin afterwards. */
  startNow(): void {
    const now = performance.now();
    this.waitedMs += now - this.startedAt;
    this.startedAt = now;
  }

  goesThrough({ name, varies = false }: Egress): void {
    this.egress = name;
    this.egressVaries = varies;
  }

  /** A limit has admitted it, and hears its end. */
  hold(permit: Permit): void {
    this.#permits.push(permit);
  }

  /** A permit that came when all was over. */
  lateEnd(permit: Permit): void {
    tellEnd(permit, this, this.#owner.exchange);
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

  start(send: Transport, plan: Plan, budget: TimeBudget): void {
    // A permit has ended the call while it was asked for its headers.
    if (this.end) return;
    this.#sent = true;
    this.#plan = plan;
    this.#budget = budget;
    const { wheel, limits } = this.#tools;
    const clock = new AttemptClock(wheel, limits, budget, this.startedAt, this);
    this.#clock = clock;
    const sending = send(plan, this);
    clock.started(sending);
    if (this.end) sending.cancel();
    else this.#sending = sending;
  }

  get sentAt(): number | undefined {
    return this.#clock?.sentAt;
  }

  connecting(): void {
    this.#clock?.connecting();
  }

  connected(): void {
    if (this.end || this.#deaf || this.#connected) return;
    this.#connected = true;
    const body = this.#plan?.body;
    this.#clock?.connected(body?.upload);
    body?.release();
  }

  sent(): void {
    this.#clock?.sent();
  }

  heldUp(isHeld: boolean): void {
    if (isHeld) this.#clock?.hold();
    else this.#clock?.release();
  }

  wantsBody(head: ResponseHead): boolean {
    const { bodyReaders } = this.#owner.exchange;
    if (!bodyReaders || this.end || this.#deaf || this.outcome) return false;
    if (!mayHold(head, this.#plan?.method) || !bodyReaders.some((reader) => reader.wantsBody(head)))
      return false;
    this.#responding(head);
    this.#holds = true;
    return true;
  }

  #responding(head: ResponseHead): void {
    const now = performance.now();
    this.durationMs = now - this.startedAt;
    this.#clock?.responding(head, this.#owner.exchange.res, now);
  }

  head(head: ResponseHead, body?: HeldBody): boolean {
    if (this.end || this.#deaf || this.outcome) return false;
    if (!this.#holds) this.#responding(head);
    const problem = headProblem(head) ?? codingProblem(head, this.#plan?.method ?? '');
    if (problem !== undefined) {
      this.#owner.failed(this, unreadableFailure(problem));
      return false;
    }
    // Only a proxy asks for proxy credentials, and its client shall never hear of it.
    if (head.status === 407 && this.#plan?.egress?.absoluteForm) {
      this.#owner.failed(this, proxyFailure('The egress proxy refused its credentials: status 407'));
      return false;
    }
    this.outcome = body ? { kind: 'response', head, body } : { kind: 'response', head };
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
    const failure = readFailure(error, usedConnection && this.outcome === undefined && !this.#holds);
    this.#owner.failed(this, this.#inPhase(failure));
  }

  /** What a failure means at what the attempt was at, which its code does not know. */
  #inPhase(failure: AttemptFailure): AttemptFailure {
    if (!this.#connected && !this.outcome) return failure.unsent ? failure : { ...failure, unsent: true };
    if (failure.by !== 'target' || !this.#clock) return failure;
    const { phase, awaits } = this.#clock;
    // An option of http-proxy-middleware's ends silent connections, whoever was to speak.
    if (phase === 'upload' && awaits === 'client' && failure.retryClass === 'timeout') {
      return uploadFailure(awaits, 0);
    }
    // A target may give a client up that does not read.
    const brokeOff =
      failure.error.code === 'ERR_UPSTREAM_RESET' || failure.error.code === 'ERR_UPSTREAM_TIMEOUT';
    return this.accepted && brokeOff && this.#clock.heldByClient() ? slowReaderFailure(failure) : failure;
  }

  expired(phase: Phase): void {
    if (phase === 'body') return this.#bodyStopped();
    const failure = this.#lapse(phase);
    this.#stopClock();
    this.#hangUp();
    this.#owner.failed(this, failure);
  }

  /** The failure of an attempt whose time in a phase was up. */
  #lapse(phase: Exclude<Phase, 'body'>): AttemptFailure {
    const { limitMs = 0, awaits = 'target' } = this.#clock ?? {};
    const { requestMs = 0 } = this.#budget ?? {};
    const by = this.#budget?.isShort(this.startedAt) ? 'self' : 'target';
    const silentProxy = this.#plan?.egress !== undefined && phase === 'connect';
    return lapseFailure({ phase, limitMs, requestMs, awaits, by, silentProxy });
  }

  #bodyStopped(): void {
    const uploads = this.#clock?.awaits === 'client';
    if (uploads || !this.#clock?.isStream) {
      this.#sending?.stop(uploads ? requestTimeout() : bodyStopped());
      return;
    }
    // A quiet stream is nobody's failure. Its client must not take what it has got for all of it.
    this.#hangUp();
    this.conclude({ kind: 'cancelled' });
    this.#owner.finished();
    breakOff(this.#owner.exchange.res);
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
    this.#clock?.stop();
    this.end = end;
    this.outcome ??= end.kind === 'failure' ? end : { kind: 'abandoned' };
    for (const permit of this.#permits) tellEnd(permit, this, this.#owner.exchange);
  }

  #hangUp(): void {
    this.#deaf = true;
    this.#sending?.cancel();
  }

  #stopClock(): void {
    if (this.outcome) return;
    this.#clock?.stop();
    this.durationMs = performance.now() - this.startedAt;
  }
}
