import type { Attempt } from '../core/attempt.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import { readLimits } from '../http/advertised-limits.js';
import type { Gate, Passage } from './gate/gate.js';
import { hasLimitHeaders, sentHeaders } from './limit-headers.js';
import type { Limiter } from './quota/limiter.js';
import type { Token } from './quota/quota.js';
import { boundedKey } from './quota/redis-keys.js';
import type { Refusal } from './refusal.js';
import type { Blocked, Waiter } from './waiting-line.js';

/** The error of a call that may not go; `undefined` if it may. */
type Veto = ProxyError | undefined;

/**
 * One call at a limiter. On entry it takes quota and limit for its first attempt; each further attempt takes its own.
 * Without `forward()` there are no attempts to see, and the response of the handler counts.
 */
export class LimitedCall implements Limit, Permit {
  readonly limiter: Limiter;
  readonly #exchange: Exchange;
  readonly #quotaLane: string;
  readonly #quotaKey: string;
  readonly #credential: string;
  /** Rate limit headers were set before this middleware ran, so they are not the target's. */
  readonly #limitsAreForeign: boolean;
  #token: Token | undefined;
  #gate: Gate | undefined;
  #passage: Passage | undefined;
  /** Quota and limit are taken, and no attempt has used them yet. */
  #held = false;
  /** The attempt that uses them. */
  #attempt: Attempt | undefined;
  #stopWaiting: (() => void) | undefined;
  #over = false;

  constructor(limiter: Limiter, exchange: Exchange, quotaKey: string) {
    this.limiter = limiter;
    this.#exchange = exchange;
    this.#quotaKey = boundedKey(quotaKey);
    this.#quotaLane = `quota ${this.#quotaKey}`;
    const { req, res } = exchange;
    this.#credential = limiter.gates ? limiter.credentialOf(req.rawHeaders) : '';
    this.#limitsAreForeign = limiter.gates !== undefined && hasLimitHeaders(res);
  }

  /** Whether the call has ended, for whatever reason. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Takes what the first attempt needs, as far as its egress proxy is known. */
  enter(): Veto | Promise<Veto> {
    const { connecting } = this.limiter;
    if (!connecting) return this.#enter();
    return connecting.then(() => (this.#over ? this.#abandoned() : this.#enter()));
  }

  #enter(): Veto | Promise<Veto> {
    const { limiter } = this;
    if (limiter.closing.begun) return shuttingDown();
    const gate = limiter.rotates ? undefined : this.#gateTo(undefined);
    return this.#acquire(gate, limiter.options.onLimit === 'queue', limiter.totalTimeoutMs);
  }

  admit(attempt: Attempt): Permit | ProxyError | Promise<Permit | ProxyError> {
    const refusal = this.#admit(attempt);
    return refusal instanceof Promise ? refusal.then((late) => late ?? this) : (refusal ?? this);
  }

  #admit(attempt: Attempt): Veto | Promise<Veto> {
    const { limiter } = this;
    const exchange = this.#exchange;
    if (this.#over) return this.#abandoned();
    if (limiter.closing.begun) return shuttingDown();
    limiter.observe(exchange);
    const gate = this.#gateTo(attempt.egress);
    this.#attempt = attempt;
    if (this.#held) {
      if (this.#gate === gate) {
        this.#held = false;
        return undefined;
      }
      this.#leaveGate();
    }
    const mayWait = limiter.options.onLimit === 'queue' || exchange.attempts.length > 0;
    const refusal = this.#acquire(gate, mayWait, exchange.retry?.totalTimeoutMs);
    if (refusal instanceof Promise) return refusal.then((late) => this.#use(late));
    return this.#use(refusal);
  }

  head(attempt: Attempt): void {
    const { outcome } = attempt;
    if (attempt !== this.#attempt || outcome?.kind !== 'response') return;
    this.#attempt = undefined;
    this.#responded(outcome.head.status, outcome.head.rawHeaders);
    this.limiter.line.wake();
  }

  end(attempt: Attempt): void {
    if (attempt !== this.#attempt) return;
    this.#attempt = undefined;
    if (neverArrived(attempt)) this.#giveBack();
    else this.#lost();
    this.limiter.line.wake();
  }

  readyAt(egress: string | undefined): number {
    return this.limiter.gates?.known(this.#credential, egress)?.readyAt() ?? 0;
  }

  /** Hears that nobody waits for the call any more. */
  leave(): void {
    this.#over = true;
    this.#stopWaiting?.();
    if (!this.#held) return;
    const { res, error, attempts, cache } = this.#exchange;
    const fromCache = cache === 'hit' || cache === 'stale' || cache === 'coalesced';
    // A later stage has responded without an attempt.
    if (error || fromCache || attempts.length > 0 || this.limiter.seesAttempts) this.#giveBack();
    // The handler was at work, and may have called the target.
    else if (!res.writableFinished) this.#lost();
    else this.#responded(res.statusCode, this.#limitsAreForeign ? [] : sentHeaders(res));
    this.limiter.line.wake();
  }

  #gateTo(egress: string | undefined): Gate | undefined {
    return this.limiter.gates?.get(this.#credential, egress);
  }

  #acquire(
    gate: Gate | undefined,
    mayWait: boolean,
    totalTimeoutMs: number | undefined,
  ): Veto | Promise<Veto> {
    const { line } = this.limiter;
    // Calls that came first go first.
    const lane = line.length > 0 ? this.#lanes(gate).find((lane) => line.countAt(lane) > 0) : undefined;
    if (lane !== undefined)
      return this.#blocked(gate, { lane, refusal: BEHIND_OTHERS }, mayWait, totalTimeoutMs);
    const blocked = this.#take(gate);
    if (!(blocked instanceof Promise))
      return blocked && this.#blocked(gate, blocked, mayWait, totalTimeoutMs);
    return blocked.then((late) => {
      if (this.#over) return this.#abandoned();
      return late && this.#blocked(gate, late, mayWait, totalTimeoutMs);
    });
  }

  #blocked(
    gate: Gate | undefined,
    blocked: Blocked,
    mayWait: boolean,
    totalTimeoutMs: number | undefined,
  ): Veto | Promise<Veto> {
    return mayWait && !this.limiter.closing.begun
      ? this.#wait(gate, blocked, totalTimeoutMs)
      : this.limiter.refuse(blocked.refusal);
  }

  #lanes(gate: Gate | undefined): readonly unknown[] {
    const { quota } = this.limiter;
    if (!quota) return gate ? [gate] : [];
    return gate ? [gate, this.#quotaLane] : [this.#quotaLane];
  }

  /** Takes all that one attempt needs, or nothing. */
  #take(gate: Gate | undefined): Blocked | undefined | Promise<Blocked | undefined> {
    const refusal = gate?.refusal();
    if (refusal) {
      this.#giveBack();
      return { lane: gate, refusal };
    }
    const { quota } = this.limiter;
    if (!quota || this.#token) return this.#pass(gate);
    return quota.take(this.#quotaKey).then((token) => {
      if ('by' in token) return { lane: this.#quotaLane, refusal: token };
      this.#token = token;
      return this.#pass(gate);
    });
  }

  #pass(gate: Gate | undefined): Blocked | undefined | Promise<Blocked | undefined> {
    if (!gate) return this.#passed(undefined, undefined);
    const passage = gate.take();
    return passage instanceof Promise
      ? passage.then((result) => this.#passed(gate, result))
      : this.#passed(gate, passage);
  }

  #passed(gate: Gate | undefined, passage: Passage | Refusal | undefined): Blocked | undefined {
    if (passage && 'by' in passage) {
      this.#giveBack();
      return { lane: gate, refusal: passage };
    }
    this.#gate = gate;
    this.#passage = passage;
    this.#held = true;
    return undefined;
  }

  #wait(gate: Gate | undefined, blocked: Blocked, totalTimeoutMs: number | undefined): Veto | Promise<Veto> {
    // A token held until after the end of its window would be one more for the next window.
    this.#giveBack();
    const { limiter } = this;
    const { line, options } = limiter;
    const waitMs = Math.min(options.maxWaitMs, this.#timeLeft(totalTimeoutMs));
    const { refusal } = blocked;
    if (refusal.againMs === undefined && refusal.waitMs > waitMs) return limiter.refuse(refusal);
    if (line.length >= options.maxQueue) return limiter.refuseFull(refusal);
    return new Promise((resolve) => {
      const settle = (veto: Veto): void => {
        this.#stopWaiting = undefined;
        resolve(this.#over ? this.#abandoned() : veto);
      };
      const waiter: Waiter = {
        lanes: this.#lanes(gate),
        deadline: limiter.time.steady() + waitMs,
        attempt: () => this.#take(gate),
        go: () => settle(undefined),
        late: (last) => settle(limiter.refuse(last.refusal)),
      };
      this.#stopWaiting = () => {
        line.leave(waiter);
        settle(undefined);
      };
      line.join(waiter, blocked);
      limiter.announceQueued();
    });
  }

  #timeLeft(totalTimeoutMs = Number.POSITIVE_INFINITY): number {
    return totalTimeoutMs - (performance.now() - this.#exchange.startedAt);
  }

  #use(refusal: Veto): Veto {
    if (!refusal) this.#held = false;
    else this.#attempt = undefined;
    return refusal;
  }

  /** Prevents the attempt; nobody is left to see the error. */
  #abandoned(): ProxyError {
    this.#giveBack();
    this.limiter.line.wake();
    return new ProxyError('ERR_RATE_LIMITED', 'The client left while its call waited for the rate limit');
  }

  #responded(status: number, rawHeaders: readonly string[]): void {
    if (this.#gate && this.#passage)
      this.#gate.settle(this.#passage, readLimits(status, rawHeaders, this.limiter.time.wall()));
    this.#clear();
  }

  #lost(): void {
    if (this.#gate && this.#passage) this.#gate.lose(this.#passage);
    this.#clear();
  }

  #giveBack(): void {
    if (this.#token) this.limiter.quota?.giveBack(this.#token);
    this.#leaveGate();
    this.#clear();
  }

  #leaveGate(): void {
    if (this.#gate && this.#passage) this.#gate.giveBack(this.#passage);
    this.#gate = undefined;
    this.#passage = undefined;
    this.#held = false;
  }

  #clear(): void {
    this.#token = undefined;
    this.#gate = undefined;
    this.#passage = undefined;
    this.#held = false;
  }
}

/** The target has not counted it. */
function neverArrived({ end }: Attempt): boolean {
  if (end?.kind !== 'failure') return end?.kind === 'unused';
  return end.unsent || end.staleConnection || end.by === 'egress';
}

/** For a call behind others that wait: nothing else is known. */
const BEHIND_OTHERS: Refusal = { by: 'quota', waitMs: 1000, againMs: 1000 };
