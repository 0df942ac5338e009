import { Closing } from '../../core/closing.js';
import type { LimitStatus } from '../../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../../core/errors.js';
import { Events } from '../../core/events.js';
import type { Exchange } from '../../core/exchange.js';
import type { Clock } from '../../core/steady-clock.js';
import type { Time } from '../../core/time.js';
import type { Reaches } from '../../http/forwarded-headers.js';
import { openRedis } from '../../redis/client.js';
import { RedisLink } from '../../redis/link.js';
import { type CredentialOf, credentialDigest } from '../gate/credential.js';
import { Gates } from '../gate/gates.js';
import type { RateLimitEvents } from '../rate-limit-events.js';
import type { ResolvedRateLimit } from '../rate-limit-options.js';
import { limitedError, queueFullError, type Refusal } from '../refusal.js';
import { WaitingLine } from '../waiting-line.js';
import type { QuotaLimit } from './engine.js';
import { Quota, type QuotaTier } from './quota.js';
import { type RedisKeys, redisKeys } from './redis-keys.js';
import { RedisQuota } from './redis-quota.js';

/** After this many failed look-ups in a row, Redis is not used for this long. */
const REDIS_CIRCUIT = { failures: 5, resetMs: 1000 };

/** State that all calls of one `rateLimit()` share. */
export class Limiter {
  readonly options: ResolvedRateLimit;
  readonly time: Time;
  readonly events = new Events<RateLimitEvents>();
  readonly line: WaitingLine;
  /** `undefined` if no limit is configured. */
  readonly quota: Quota | undefined;
  /** Advertised limits; `undefined` with `learn: false`. */
  readonly gates: Gates | undefined;
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
  readonly #link: RedisLink | undefined;
  readonly closing = new Closing();

  /** @param reaches which headers of a client the target sees */
  constructor(options: ResolvedRateLimit, time: Time, reaches?: Reaches) {
    const { name, redis, prefix, commandTimeoutMs, learn, maxKeys, maxPauseMs } = options;
    this.options = options;
    this.time = time;
    this.line = new WaitingLine(time);
    const { credentialHeaders: also, credentialExceptions: except } = options;
    this.credentialOf = credentialDigest({ also, except }, reaches);
    const keys = redisKeys(prefix, name);
    if (redis) {
      this.#link = new RedisLink(openRedis(redis), { commandTimeoutMs, circuit: REDIS_CIRCUIT });
      if (!this.#link.usable) this.connecting = this.#connected(this.#link, commandTimeoutMs);
    }
    this.quota = openQuota(options, this.#link, keys, time.steady);
    const shared = this.#link && { link: this.#link, keys };
    const site = { clock: time.steady, maxPauseMs, events: this.events };
    if (learn) this.gates = new Gates(name, maxKeys, site, shared);
  }

  /** Learns from a call which middlewares follow. */
  observe({ egress, retry }: Exchange): void {
    this.seesAttempts = true;
    if (egress) this.rotates = true;
    this.totalTimeoutMs = retry?.totalTimeoutMs;
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
    return this.gates?.status((gate) => this.line.countAt(gate)) ?? [];
  }

  /** Refuses those who wait and those who come later, and ends a connection to Redis that is its own. */
  close(): Promise<void> {
    return this.closing.begin(() => {
      this.line.close();
      this.quota?.close();
      return this.#link?.close();
    });
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

function openQuota(
  { limit, windowMs, burst, maxKeys }: ResolvedRateLimit,
  link: RedisLink | undefined,
  keys: RedisKeys,
  clock: Clock,
): Quota | undefined {
  if (limit === undefined) return undefined;
  const tier = (name: string, quota: QuotaLimit): QuotaTier => ({
    ...quota,
    shared: link && new RedisQuota(link, quota, (key) => keys.quota(name, key)),
  });
  // The BurstyRateLimiter of rate-limiter-flexible does not say which of its two limiters a point came from, so the
  // point could not be given back.
  const tiers = [tier('limit', { limit, windowMs })];
  if (burst) tiers.push(tier('burst', burst));
  return new Quota(tiers, maxKeys, clock);
}
