import { isDeepStrictEqual } from 'node:util';
import { Closing } from '../../core/closing.js';
import type { LimitStatus, QuotaStatus } from '../../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../../core/errors.js';
import { Events } from '../../core/events.js';
import type { Exchange } from '../../core/exchange.js';
import type { Machine } from '../../core/machine.js';
import type { Clock } from '../../core/steady-clock.js';
import type { Time } from '../../core/time.js';
import { type CredentialOf, credentialDigest } from '../../http/credential-digest.js';
import type { Reaches } from '../../http/forwarded-headers.js';
import { ownLimitReader, type ReadOwnLimit } from '../../http/own-limit.js';
import { openRedis } from '../../redis/client.js';
import { RedisLink } from '../../redis/link.js';
import { lossOf } from '../../redis/store-loss.js';
import { type Draw, LimitBook } from '../gate/book.js';
import type { Cells } from '../gate/cells.js';
import { redisCells } from '../gate/redis-cells.js';
import type { RateLimitEvents } from '../rate-limit-events.js';
import type { ResolvedRateLimit } from '../rate-limit-options.js';
import { limitedError, queueFullError, type Refusal } from '../refusal.js';
import { UsageMeter } from '../usage-meter.js';
import { type Blocked, WaitingLine } from '../waiting-line.js';
import type { QuotaEngine, QuotaLimit } from './engine.js';
import { machineQuota } from './machine-quota.js';
import { Quota, type QuotaTier } from './quota.js';
import { type RedisKeys, redisKeys } from './redis-keys.js';
import { redisQuota } from './redis-quota.js';

/** After this many failed look-ups in a row, Redis is not used for this long. */
const REDIS_CIRCUIT = { failures: 5, resetMs: 1000 };

/** Name of a limit that was forced. */
const FORCED = 'forced';

/** What the limits of the processes of one gateway are kept in. */
export interface MachineLimits {
  readonly machine: Machine;
  readonly cells: Cells;
}

/** Counts a limit for several processes. @param name of the limit */
type EngineOf = (name: string, quota: QuotaLimit) => QuotaEngine;

/** State that all calls of one `rateLimit()` share. */
export class Limiter {
  readonly options: ResolvedRateLimit;
  readonly time: Time;
  readonly events = new Events<RateLimitEvents>();
  readonly line: WaitingLine;
  /** `undefined` if no limit is configured. */
  readonly quota: Quota | undefined;
  /** Reads what responses have used; `undefined` where the options do not say how. */
  readonly meter: UsageMeter | undefined;
  /** Advertised limits; `undefined` with `learn: false`. */
  readonly book: LimitBook | undefined;
  /** Reads the headers that the options map. */
  readonly readOwn: ReadOwnLimit | undefined;
  readonly credentialOf: CredentialOf;
  /** Whether calls are made by `forward()`, which reports each attempt. */
  seesAttempts = false;
  /** Whether `proxyRotate()` chooses egress proxies later on: until then the gate of a call is unknown. */
  rotates = false;
  /** Time limit of `retry()` for a whole call. Remembered, since it is not on the exchange yet when a call comes in. */
  totalTimeoutMs: number | undefined = undefined;
  /**
   * Pending until the first connection to Redis, for as long as a command may take. Calls wait for it: what each
   * process let through by itself in the meantime would come on top of the shared quota.
   */
  connecting: Promise<void> | undefined = undefined;
  /** Until when no call may go, whatever the API has said, on the steady clock; 0 where nobody wants it so. */
  forcedUntil = 0;
  readonly #link: RedisLink | undefined;
  readonly closing = new Closing();

  /**
   * @param reaches which headers of a client the target sees
   * @param local what the processes of one gateway share without Redis
   */
  constructor(options: ResolvedRateLimit, time: Time, reaches?: Reaches, local?: MachineLimits) {
    const { name, redis, prefix, commandTimeoutMs, learn, maxKeys, maxPauseMs } = options;
    this.options = options;
    this.time = time;
    this.readOwn = options.limitHeaders && ownLimitReader(options.limitHeaders);
    this.line = new WaitingLine(time);
    const { credentialHeaders: also, credentialExceptions: except } = options;
    this.credentialOf = credentialDigest({ also, except }, reaches, options.sharedLimit);
    const keys = redisKeys(prefix, name);
    let lost: (() => number) | undefined;
    if (redis) {
      const opened = openRedis(redis);
      lost = lossOf(opened.shared);
      this.#link = new RedisLink(opened, {
        commandTimeoutMs,
        circuit: REDIS_CIRCUIT,
        part: 'rateLimit',
      });
      if (!this.#link.usable) this.connecting = this.#connected(this.#link, commandTimeoutMs);
    }
    this.quota = openQuota(options, this.#engines(keys, local), time.steady, lost);
    if (typeof options.cost === 'string' && this.quota) this.meter = new UsageMeter(options.cost, this.quota);
    const cells = this.#link ? redisCells(this.#link) : local?.cells;
    const shared = cells && { cells, keys };
    const site = { clock: time.steady, maxPauseMs, events: this.events };
    if (learn) this.book = new LimitBook(name, maxKeys, site, shared);
  }

  /**
   * Comes in the place of another.
   * @param goesOn it is for the same target: what that one has counted and learned goes on to count
   */
  succeed(known: Limiter, goesOn: boolean): void {
    known.quota?.retire();
    if (!goesOn) return;
    this.forcedUntil = known.forcedUntil;
    if (known.quota) this.quota?.resume(known.quota);
    // What was learned by rules that have changed may be why they have.
    if (known.book && isDeepStrictEqual(learning(known.options), learning(this.options)))
      this.book?.resume(known.book);
  }

  /** Learns from a call which middlewares follow. */
  observe({ egress, retry }: Exchange): void {
    this.seesAttempts = true;
    if (egress) this.rotates = true;
    this.totalTimeoutMs = retry?.totalTimeoutMs;
  }

  /** Lets no call go for so long, as if the API had asked for a pause. */
  force(forMs: number): void {
    this.forcedUntil = this.time.steady() + forMs;
  }

  /** What stops every call, by {@link force}. */
  forced(): Blocked | undefined {
    if (this.forcedUntil === 0) return undefined;
    const waitMs = this.forcedUntil - this.time.steady();
    if (waitMs > 0) return { lane: FORCED, refusal: { by: 'advertised', waitMs } };
    this.forcedUntil = 0;
    return undefined;
  }

  /** How long a call may wait, from `inMs` on. */
  longestWaitMs({ startedAt }: Exchange, totalTimeoutMs = Number.POSITIVE_INFINITY, inMs = 0): number {
    return Math.min(this.options.maxWaitMs, totalTimeoutMs - (performance.now() + inMs - startedAt));
  }

  /** How long an attempt would have to wait from now on, as far as this process can tell at once. */
  waitMs(draw: Draw | undefined, key: string, points: number): number {
    const blocked = this.forced() ?? (draw && this.book?.refusal(draw, this.book.now(draw)));
    const { againMs, probing, waitMs = 0 } = blocked?.refusal ?? {};
    const toldMs = againMs === undefined && !probing ? waitMs : 0;
    return Math.max(toldMs, this.quota?.waitMs(key, points) ?? 0);
  }

  /** Forgets what this process has counted and learned. */
  reset(): void {
    this.forcedUntil = 0;
    this.quota?.reset();
    this.book?.reset();
    this.line.wake();
  }

  /** The error for a call that may neither go nor wait. */
  refuse(refusal: Refusal): ProxyError {
    if (this.closing.begun) return shuttingDown();
    this.#announceLimited(refusal.by, refusal.waitMs);
    return limitedError(this.options.name, refusal);
  }

  /** The error for a call for which the queue has no room. */
  refuseFull(refusal: Refusal): ProxyError {
    this.#announceLimited('queue', refusal.waitMs);
    return queueFullError(this.options.name, this.options.maxQueue, refusal);
  }

  announceQueued(): void {
    if (!this.events.has('queued')) return;
    this.events.emit('queued', { api: this.options.name, queued: this.line.length });
  }

  status(): LimitStatus[] {
    const known = this.book?.status((gate) => this.line.countAt(gate)) ?? [];
    if (!this.forced()) return known;
    const forced = { api: this.options.name, name: FORCED, credential: '', proxy: undefined };
    const resetsAt = Math.round(this.forcedUntil);
    const queued = this.line.countAt(FORCED);
    return [{ ...forced, state: 'exhausted', remaining: 0, limit: undefined, resetsAt, queued }, ...known];
  }

  /** What of the configured limits is left, and who waits for them. */
  quotas(): QuotaStatus[] {
    const { name: api, key } = this.options;
    return (this.quota?.status() ?? []).map(({ name, limit, windowMs, remaining }, at) => {
      // One behind others waits for what they wait for, which is the first as a rule.
      const { calls, parties } = this.line.waiting(
        ({ refusal }) =>
          refusal.by === 'quota' && (refusal.name === undefined ? at === 0 : refusal.name === name),
      );
      const left = key ? undefined : remaining;
      return { api, name, limit, windowMs, remaining: left, queued: calls, waitingKeys: parties };
    });
  }

  /** Refuses those who wait and those who come later, and ends a connection to Redis that is its own. */
  close(): Promise<void> {
    return this.closing.begin(() => {
      this.line.close();
      this.quota?.close();
      return this.#link?.close();
    });
  }

  #engines(keys: RedisKeys, local: MachineLimits | undefined): EngineOf | undefined {
    const { algorithm, name: api, maxKeys } = this.options;
    const link = this.#link;
    if (link)
      return (name, quota) => {
        const tier = algorithm === 'sliding' ? name : `${name}:${algorithm}`;
        return redisQuota(algorithm, link, quota, (key) => keys.quota(tier, key));
      };
    if (!local) return undefined;
    return (name, { limit, windowMs }) =>
      machineQuota(
        local.machine,
        { id: `${api}:${name}`, algorithm, limit, windowMs, maxKeys },
        this.time.steady,
      );
  }

  #connected(link: RedisLink, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stopWaiting();
        this.connecting = undefined;
        resolve();
      };
      const stopWaiting = this.closing.whileOpen(() => done());
      const timer = setTimeout(done, limitMs);
      timer.unref();
      link.onRecovered(done);
    });
  }

  #announceLimited(because: RateLimitEvents['limited'][0]['because'], waitMs: number): void {
    if (!this.events.has('limited')) return;
    this.events.emit('limited', { api: this.options.name, because, retryAfterMs: Math.ceil(waitMs) });
  }
}

/** How limits are learned. */
function learning(options: ResolvedRateLimit): readonly unknown[] {
  const { scope, limitHeaders, maxPauseMs, sharedLimit, credentialHeaders, credentialExceptions } = options;
  return [scope, limitHeaders, maxPauseMs, sharedLimit, credentialHeaders, credentialExceptions];
}

function openQuota(
  { limit, windowMs, burst, limits, algorithm, maxKeys, cost }: ResolvedRateLimit,
  engineOf: EngineOf | undefined,
  clock: Clock,
  lost?: () => number,
): Quota | undefined {
  if (limit === undefined && limits.length === 0) return undefined;
  const tier = (name: string, quota: QuotaLimit & { name?: string; perCall?: boolean }): QuotaTier => ({
    ...quota,
    algorithm,
    shared: engineOf?.(name, quota),
  });
  // The BurstyRateLimiter of rate-limiter-flexible does not say which of its two limiters a point came from, so the
  // point could not be given back.
  const tiers: QuotaTier[] = [];
  // What a response tells is known too late for them.
  const perCall = typeof cost === 'string';
  if (limit !== undefined) tiers.push(tier('limit', { limit, windowMs, perCall }));
  if (burst) tiers.push(tier('burst', { ...burst, perCall }));
  const further = limits.map(({ unit, ...quota }) =>
    tier(`${quota.limit}-${quota.windowMs}-${unit}`, {
      ...quota,
      name: `${unit} per ${quota.windowMs / 1000} s`,
      perCall: unit === 'requests',
    }),
  );
  return new Quota(tiers, maxKeys, clock, further, lost);
}
