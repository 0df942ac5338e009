import { Closing } from '../../core/closing.js';
import type { LimitStatus } from '../../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../../core/errors.js';
import { Events } from '../../core/events.js';
import type { Exchange } from '../../core/exchange.js';
import type { Clock } from '../../core/steady-clock.js';
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

/** After so many look-ups without an answer Redis is left alone for so long. */
const REDIS_CIRCUIT = { failures: 5, resetMs: 1000 };

/** What all calls of one `rateLimit()` share. */
export class Limiter {
  readonly options: ResolvedRateLimit;
  readonly clock: Clock;
  readonly events = new Events<RateLimitEvents>();
  readonly line: WaitingLine;
  /** `undefined` where no limit is configured. */
  readonly quota: Quota | undefined;
  /** `undefined` where nothing is to be learned. */
  readonly gates: Gates | undefined;
  readonly credentialOf: CredentialOf;
  /** Calls are made by `forward()`, which tells of each attempt. */
  seesAttempts = false;
  /** Exits are chosen further on: which gate a call will come to is not known before. */
  rotates = false;
  /** What `retry()` further on gives a whole call: it is not on the exchange yet when a call comes in. */
  totalTimeoutMs: number | undefined = undefined;
  /**
   * Until there is a first connection to Redis, for as long as a command may take: what each process let through by
   * itself meanwhile would be on top of what they share.
   */
  connecting: Promise<void> | undefined = undefined;
  readonly #link: RedisLink | undefined;
  readonly closing = new Closing();

  constructor(options: ResolvedRateLimit, clock: Clock) {
    const { name, redis, prefix, commandTimeoutMs, learn, maxKeys, maxPauseMs } = options;
    this.options = options;
    this.clock = clock;
    this.line = new WaitingLine(clock);
    this.credentialOf = credentialDigest(options.credentialHeaders);
    const keys = redisKeys(prefix, name);
    if (redis) {
      this.#link = new RedisLink(openRedis(redis), { commandTimeoutMs, circuit: REDIS_CIRCUIT });
      if (!this.#link.usable) this.connecting = this.#connected(this.#link, commandTimeoutMs);
    }
    this.quota = openQuota(options, this.#link, keys, clock);
    const shared = this.#link && { link: this.#link, keys };
    const site = { clock, maxPauseMs, events: this.events };
    if (learn) this.gates = new Gates(name, maxKeys, site, shared);
  }

  /** Learns from a call what stands behind. */
  observe({ egress, retry }: Exchange): void {
    this.seesAttempts = true;
    if (egress) this.rotates = true;
    this.totalTimeoutMs = retry?.totalTimeoutMs;
  }

  /** The error for a call that may not go, nor wait. */
  refuse(refusal: Refusal): ProxyError {
    if (this.closing.begun) return shuttingDown();
    this.#tellLimited(refusal.by, refusal.waitMs);
    return limitedError(this.options.name, refusal);
  }

  /** The error for a call that has no room to wait. */
  refuseFull(refusal: Refusal): ProxyError {
    this.#tellLimited('queue', refusal.waitMs);
    return queueFullError(refusal);
  }

  tellQueued(): void {
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

  #tellLimited(because: RateLimitEvents['limited'][0]['because'], waitMs: number): void {
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
  // rate-limiter-flexible's own pair of limiters does not tell which of the two a point is of, to give it back to.
  const tiers = [tier('limit', { limit, windowMs })];
  if (burst) tiers.push(tier('burst', burst));
  return new Quota(tiers, maxKeys, clock);
}
