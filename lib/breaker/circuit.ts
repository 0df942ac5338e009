import type { Attempt, AttemptFailure } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import type { Clock } from '../core/steady-clock.js';
import type { BreakerEmitter } from './breaker-events.js';
import { type Begun, CircuitMachine } from './circuit-machine.js';
import type { CircuitConfig, CircuitName, CircuitSnapshot } from './circuit-snapshot.js';
import { type CircuitStateName, isDue } from './circuit-state.js';
import { OneEvent } from './one-event.js';
import type { JoinCircuit } from './store/store.js';
import { judgeFailure, judgeOutcome, judgeResponse, type TargetFailure, type Verdict } from './verdict.js';

/**
 * Stops calls to a target that fails. One instance guards every call to that target. While it is closed, a
 * call costs a few comparisons and allocates nothing.
 */
export class Circuit implements Limit, Permit {
  /** Name of its breaker: usually that of the API. */
  readonly api: string;
  /** Name of the circuit: that of its breaker, followed by `:key` where circuits are kept by key. */
  readonly circuit: string;
  readonly #machine: CircuitMachine;
  readonly #cuts = new OneEvent();

  /** @param join makes it one with the circuits of other processes */
  constructor(
    name: CircuitName,
    config: CircuitConfig,
    events: BreakerEmitter,
    clock: Clock,
    join?: JoinCircuit,
  ) {
    this.api = name.api;
    this.circuit = name.circuit;
    this.#machine = new CircuitMachine(name, config, events, clock, join);
  }

  /** Stays `OPEN` after `resetTimeoutMs` until the next call comes: reading it changes nothing. */
  get state(): CircuitStateName {
    return this.#machine.current.kind;
  }

  /**
   * Asks whether a call may go through. A half-open circuit reserves a slot, which the first attempt uses.
   * @returns the error to respond with if it may not
   */
  enter(exchange: Exchange): ProxyError | undefined {
    return this.#machine.current.kind === 'CLOSED' ? undefined : this.#machine.ask(exchange);
  }

  /**
   * Asks the other processes for the right to probe, where one at a time has it.
   * @returns `undefined` where there is nobody to ask; else {@link enterLate} is next
   */
  askOthers(): Promise<void> | undefined {
    return this.#machine.askOthers();
  }

  /** {@link enter}, once the others have replied. */
  enterLate(exchange: Exchange): ProxyError | undefined {
    if (!exchange.abandoned) return this.enter(exchange);
    this.#machine.unused();
    return undefined;
  }

  /** Refuses every call until {@link forceClose} or {@link reset}. */
  forceOpen(): void {
    this.#machine.forceOpen();
  }

  /** Closes the circuit and starts counting from zero; failures open it again as usual. */
  forceClose(): void {
    this.#machine.forceClose();
  }

  /** Like {@link forceClose}, and forgets the last failure too. */
  reset(): void {
    this.#machine.reset();
  }

  /** The state of the circuit now. */
  snapshot(): CircuitSnapshot {
    return this.#machine.snapshot();
  }

  /** Comes in the place of another. */
  resume(known: Circuit): void {
    this.#machine.resume(known.#machine);
  }

  /** Frees the resources of its window. */
  close(): void {
    this.#machine.close();
  }

  admit(_attempt: Attempt, exchange: Exchange): Permit | ProxyError | Promise<Permit | ProxyError> {
    if (this.#machine.current.kind === 'CLOSED') return this;
    const asked = this.#machine.askOthers();
    if (asked === undefined) return this.#machine.ask(exchange) ?? this;
    return asked.then(() => this.enterLate(exchange) ?? this);
  }

  /** A status counts at once: what comes of a body that flows for hours is {@link end}'s. */
  head(attempt: Attempt, exchange: Exchange): void {
    this.#judge(attempt, exchange);
  }

  end(attempt: Attempt, exchange: Exchange): void {
    const { outcome, end } = attempt;
    if (outcome?.kind !== 'response') this.#judge(attempt, exchange);
    else if (end?.kind === 'failure') this.#brokeOff(attempt, end);
    if (end?.kind === 'failure' && end.by !== 'target') this.#machine.record.sparedTarget(end.by);
    // Nobody waited any more, or this process has ended the call.
    if (end?.kind === 'cancelled' && outcome?.kind !== 'response')
      this.#machine.record.sparedTarget(exchange.abandoned ? 'client' : 'self');
  }

  #judge(attempt: Attempt, exchange: Exchange): void {
    if (!attempt.outcome) return;
    const verdict = judgeOutcome(attempt.outcome, this.#machine.config);
    this.#weigh(verdict, this.#machine.counts.slowFailureOf(attempt), attempt, exchange);
  }

  /** Learns from the time that a call took, too; one without a verdict may have been slow. */
  #weigh(verdict: Verdict, slow: TargetFailure | undefined, by: Begun, holder: Exchange): void {
    if (!this.#machine.counts.times) return this.#machine.learn(verdict, by, holder);
    // A circuit that has opened for slowness would close by responses that are as slow.
    const probing = this.#machine.current.kind === 'HALF_OPEN';
    this.#machine.learn(probing && slow && typeof verdict === 'string' ? slow : verdict, by, holder);
    if (!probing && (slow || verdict !== 'neither')) this.#timed(slow, by.startedAt);
  }

  #timed(slow: TargetFailure | undefined, startedAt: number): void {
    const state = this.#machine.current;
    if (state.kind !== 'CLOSED' || startedAt < this.#machine.closedSince) return;
    const now = this.#machine.clock();
    const trip = this.#machine.counts.timed(slow !== undefined, now);
    if (!slow || !trip) return;
    this.#machine.record.failed(now, slow);
    this.#machine.record.openedWith = { slow: this.#machine.counts.slowTotals(now)?.failed ?? 0 };
    this.#machine.openBy(trip, state.failures, slow);
  }

  /** A response whose head had counted has broken off. */
  #brokeOff(attempt: Attempt, failure: AttemptFailure): void {
    const verdict = judgeFailure(failure);
    if (verdict === 'neither') return;
    const state = this.#machine.current;
    if (state.kind === 'CLOSED' && attempt.startedAt >= this.#machine.closedSince) {
      if (this.#cuts.isAnother(attempt.startedAt))
        this.#machine.countFailure(state, attempt, verdict, 'reversal');
      else this.#machine.counts.withdrawal();
    }
    // Unless it is a probe that had succeeded, the response began before the outage and says nothing new.
    if (state.kind === 'HALF_OPEN' && state.passed.includes(attempt))
      this.#machine.probeFailed(state, verdict);
  }

  blocks(exchange: Exchange): boolean {
    const state = this.#machine.current;
    if (state.kind === 'CLOSED') return false;
    const now = this.#machine.clock();
    if (state.kind === 'OPEN')
      return !isDue(state, now) || (state.fleet !== undefined && this.#machine.share?.isTaken === true);
    return !state.probes.mayTake(exchange, now);
  }

  /** Refuses a call that it has admitted, and that waits elsewhere, if it has opened since. */
  readonly recall = (exchange: Exchange) => (this.blocks(exchange) ? this.#machine.ask(exchange) : undefined);

  /**
   * Called when the response has closed. If no attempt was made, another handler than `forward()` has responded,
   * and its response counts. A bound property, so that one function serves every call.
   */
  readonly settled = (exchange: Exchange): void => {
    // Its client has left, but the call goes on for others: its attempts will count.
    if (!exchange.abandoned) return;
    const verdict = exchange.attempts.length > 0 ? 'neither' : judgeResponse(exchange, this.#machine.config);
    const slow =
      verdict === 'neither' ? undefined : this.#machine.counts.slowFailureSince(exchange.startedAt);
    this.#weigh(verdict, slow, exchange, exchange);
  };
}
