import type { Attempt } from '../core/attempt.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { readLimits } from '../http/advertised-limits.js';
import { blockedElsewhere } from './blocked-elsewhere.js';
import type { Caller, Draw, Pass } from './gate/book.js';
import { hasLimitHeaders, sentHeaders } from './limit-headers.js';
import { neverArrived, respondedHere } from './never-arrived.js';
import type { Limiter } from './quota/limiter.js';
import type { Token } from './quota/quota.js';
import { boundedKey } from './quota/redis-keys.js';
import { BEHIND_OTHERS, BEHIND_PROBE, type CallOptions, type Veto } from './refusal.js';
import type { Bill } from './usage-meter.js';
import type { Blocked, Waiter } from './waiting-line.js';

/**
 * One call at a limiter. On entry it takes quota and limit for its first attempt; each further attempt takes its own.
 * Without `forward()` there are no attempts to see, and the response of the handler counts.
 */
export class LimitedCall implements Limit, Permit, Caller {
  readonly limiter: Limiter;
  readonly #exchange: Exchange;
  readonly #quotaLane: string;
  readonly #quotaKey: string;
  readonly #points: number;
  readonly credential: string;
  readonly method: string;
  readonly url: string;
  readonly scope: string | undefined;
  /** Rate limit headers were set before this middleware ran, so they are not the target's. */
  readonly #limitsAreForeign: boolean;
  #token: Token | undefined;
  #pass: Pass | undefined;
  /** The egress proxy of the next attempt, once it is known. */
  #proxy: string | undefined;
  #knowsProxy = false;
  /** Quota and limit are taken, and no attempt has used them yet. */
  #held = false;
  /** The attempt that uses them. */
  #attempt: Attempt | undefined;
  #bill: Bill | undefined;
  #stopWaiting: (() => void) | undefined;
  #over = false;

  constructor(limiter: Limiter, exchange: Exchange, { quotaKey, points, scope }: CallOptions) {
    this.limiter = limiter;
    this.#exchange = exchange;
    this.#quotaKey = boundedKey(quotaKey);
    this.#points = points;
    this.#quotaLane = limiter.quota ? `quota ${this.#quotaKey}` : '';
    const { req, res } = exchange;
    this.method = req.method ?? 'GET';
    this.url = req.url ?? '/';
    this.scope = scope;
    this.credential = limiter.book ? limiter.credentialOf(req.rawHeaders, req.url) : '';
    // Only where no attempts are seen is the response itself read.
    this.#limitsAreForeign = limiter.book !== undefined && !limiter.seesAttempts && hasLimitHeaders(res);
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
    this.#knowsProxy = !limiter.rotates;
    return this.#acquire(limiter.options.onLimit === 'queue', limiter.totalTimeoutMs);
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
    this.#attempt = attempt;
    if (this.#held) {
      if (this.#knowsProxy && this.#proxy === attempt.egress) {
        this.#held = false;
        return undefined;
      }
      this.#leaveGates();
    }
    this.#proxy = attempt.egress;
    // What one address is told of its limits holds for no other, and the next attempt has another.
    this.#knowsProxy = attempt.egressVaries !== true;
    const mayWait = limiter.options.onLimit === 'queue' || exchange.attempts.length > 0;
    const refusal = this.#acquire(mayWait, exchange.retry?.totalTimeoutMs);
    if (refusal instanceof Promise) return refusal.then((late) => this.#use(late));
    return this.#use(refusal);
  }

  head(attempt: Attempt): void {
    const { outcome } = attempt;
    if (attempt !== this.#attempt || outcome?.kind !== 'response') return;
    this.#attempt = undefined;
    if (this.#token) this.#bill = this.limiter.meter?.open(this.#token, attempt, this.#exchange);
    this.#responded(outcome.head.status, outcome.head.rawHeaders);
    this.limiter.line.wake();
  }

  end(attempt: Attempt): void {
    if (attempt === this.#bill?.attempt) this.#bill.end();
    else if (attempt !== this.#attempt) return;
    else if (neverArrived(attempt)) this.#giveBack();
    else this.#lost();
    if (attempt === this.#attempt) this.#attempt = undefined;
    this.limiter.line.wake();
  }

  readyAt(egress: string | undefined): number {
    return Math.max(this.limiter.forcedUntil, this.limiter.book?.readyAt(this, egress) ?? 0);
  }

  refusesIn(exchange: Exchange, inMs: number): boolean {
    const waitMs = this.limiter.waitMs(this.#draw(), this.#quotaKey, this.#points) - inMs;
    return waitMs > 0 && waitMs > this.limiter.longestWaitMs(exchange, exchange.retry?.totalTimeoutMs, inMs);
  }

  /** Hears that nobody waits for the call any more. */
  leave(): void {
    this.#over = true;
    this.#stopWaiting?.();
    if (!this.#held) return;
    const { res } = this.#exchange;
    if (respondedHere(this.#exchange) || this.limiter.seesAttempts) this.#giveBack();
    // The handler was at work, and may have called the target.
    else if (!isWritten(res)) this.#lost();
    else this.#responded(res.statusCode, this.#limitsAreForeign ? [] : sentHeaders(res));
    this.limiter.line.wake();
  }

  /** The limits that the next attempt draws on, as far as is known by now. */
  #draw(): Draw | undefined {
    return this.#knowsProxy ? this.limiter.book?.draw(this, this.#proxy) : undefined;
  }

  #acquire(mayWait: boolean, totalTimeoutMs: number | undefined): Veto | Promise<Veto> {
    const loading = this.#knowsProxy ? this.limiter.book?.load(this, this.#proxy) : undefined;
    if (!loading) return this.#acquireLoaded(mayWait, totalTimeoutMs);
    return loading.then(() =>
      this.#over ? this.#abandoned() : this.#acquireLoaded(mayWait, totalTimeoutMs),
    );
  }

  #acquireLoaded(mayWait: boolean, totalTimeoutMs: number | undefined): Veto | Promise<Veto> {
    const { line } = this.limiter;
    // Calls that came first go first.
    const lane = line.length > 0 ? this.#lanes().find((lane) => line.countAt(lane) > 0) : undefined;
    if (lane !== undefined) {
      const refusal = line.isProbing(lane) ? BEHIND_PROBE : BEHIND_OTHERS;
      return this.#blocked({ lane, refusal }, mayWait, totalTimeoutMs);
    }
    const blocked = this.#take();
    if (!(blocked instanceof Promise)) return blocked && this.#blocked(blocked, mayWait, totalTimeoutMs);
    return blocked.then((late) => {
      if (this.#over) return this.#abandoned();
      return late && this.#blocked(late, mayWait, totalTimeoutMs);
    });
  }

  #blocked(blocked: Blocked, mayWait: boolean, totalTimeoutMs: number | undefined): Veto | Promise<Veto> {
    // A response that is about to tell is waited for.
    const waits = mayWait || blocked.refusal.probing;
    if (!waits || this.limiter.closing.begun) return this.limiter.refuse(blocked.refusal);
    return this.#wait(blocked, mayWait, totalTimeoutMs);
  }

  #lanes(): readonly unknown[] {
    const gates = this.#draw()?.gates ?? [];
    return this.limiter.quota ? [...gates, this.#quotaLane] : gates;
  }

  /** Takes all that one attempt needs, or nothing. */
  #take(): Blocked | undefined | Promise<Blocked | undefined> {
    const draw = this.#draw();
    const now = draw && this.limiter.book?.now(draw);
    const blocked = this.limiter.forced() ?? (draw && this.limiter.book?.refusal(draw, now));
    if (blocked) {
      this.#giveBack();
      return blocked;
    }
    const { quota } = this.limiter;
    if (!quota || this.#token) return this.#takeGates(draw, now);
    return quota.take(this.#quotaKey, this.#points).then((token) => {
      if ('by' in token) return { lane: this.#quotaLane, refusal: token };
      this.#token = token;
      return this.#takeGates(draw);
    });
  }

  #takeGates(draw: Draw | undefined, now?: number): Blocked | undefined | Promise<Blocked | undefined> {
    const taken = draw && this.limiter.book?.take(draw, now);
    return taken instanceof Promise ? taken.then((late) => this.#passed(late)) : this.#passed(taken);
  }

  #passed(taken: Pass | Blocked | undefined): Blocked | undefined {
    if (taken && 'lane' in taken) {
      this.#giveBack();
      return taken;
    }
    this.#pass = taken;
    this.#held = true;
    return undefined;
  }

  #wait(blocked: Blocked, mayWait: boolean, totalTimeoutMs: number | undefined): Veto | Promise<Veto> {
    // A token held until after the end of its window would be one more for the next window.
    this.#giveBack();
    const { limiter } = this;
    const { line, options } = limiter;
    const waitMs = limiter.longestWaitMs(this.#exchange, totalTimeoutMs);
    const { refusal } = blocked;
    if (refusal.againMs === undefined && !refusal.probing && refusal.waitMs > waitMs)
      return limiter.refuse(refusal);
    if (!line.hasPlace(this.#quotaKey, options.maxQueue)) return limiter.refuseFull(refusal);
    return new Promise((resolve) => {
      const settle = (veto: Veto): void => {
        this.#stopWaiting = undefined;
        resolve(this.#over ? this.#abandoned() : veto);
      };
      const waiter: Waiter = {
        party: this.#quotaKey,
        lanes: () => this.#lanes(),
        deadline: limiter.time.steady() + waitMs,
        attempt: () => this.#take(),
        stays: ({ refusal }) => mayWait || refusal.probing === true,
        inVain: () => blockedElsewhere(this.#exchange, this, this.#attempt),
        crowdedOut: () => settle(limiter.refuseFull(refusal)),
        go: settle,
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

  #use(refusal: Veto): Veto {
    if (refusal) this.#attempt = undefined;
    else this.#held = false;
    return refusal;
  }

  /** Prevents the attempt; nobody is left to see the error. */
  #abandoned(): ProxyError {
    this.#giveBack();
    this.limiter.line.wake();
    return new ProxyError('ERR_RATE_LIMITED', 'The client left while its call waited for the rate limit');
  }

  #responded(status: number, rawHeaders: readonly string[]): void {
    const { book, time, readOwn } = this.limiter;
    const pass = this.#pass;
    if (book && pass && !book.settleUnread(pass, this, status))
      book.settle(pass, this, this.#proxy, status, readLimits(status, rawHeaders, time.wall, readOwn));
    this.#clear();
  }

  #lost(): void {
    if (this.#pass) this.limiter.book?.lose(this.#pass);
    this.#clear();
  }

  #giveBack(): void {
    if (this.#token) this.limiter.quota?.giveBack(this.#token);
    this.#leaveGates();
    this.#clear();
  }

  #leaveGates(): void {
    if (this.#pass) this.limiter.book?.giveBack(this.#pass);
    this.#pass = undefined;
    this.#held = false;
  }

  #clear(): void {
    this.#token = undefined;
    this.#pass = undefined;
    this.#held = false;
  }
}
