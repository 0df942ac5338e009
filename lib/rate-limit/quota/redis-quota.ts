import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { RedisLink } from '../../redis/link.js';
import { type Consumed, consumePoint, type QuotaEngine, type QuotaLimit } from './engine.js';

/**
 * Takes points, or gives them back. Unlike the script of rate-limiter-flexible it counts in milliseconds, does not
 * count refused points, and gives nothing back to a window that has ended.
 *
 * KEYS: quota. ARGV: points, –, limit, window in seconds
 */
const CONSUME = `
local by = tonumber(ARGV[1])
local window = math.floor(ARGV[4] * 1000 + 0.5)
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  if by < 0 then return {0, 0} end
  redis.call('SET', KEYS[1], by, 'PX', window)
  return {by, window}
end
local used = tonumber(redis.call('GET', KEYS[1])) + by
if by > 0 and used > tonumber(ARGV[3]) then return {used, left} end
return {redis.call('INCRBY', KEYS[1], by), left}
`;

/** For windows below a second rate-limiter-flexible would use another script; ours reads the limiter's own window. */
const ANY_DURATION = { customDuration: 1 };

/** A quota shared between processes: one command for each point. */
export class RedisQuota implements QuotaEngine {
  readonly #link: RedisLink;
  readonly #limiter: RateLimiterRedis;
  readonly #keyOf: (key: string) => string;

  constructor(link: RedisLink, { limit, windowMs }: QuotaLimit, keyOf: (key: string) => string) {
    this.#link = link;
    this.#keyOf = keyOf;
    this.#limiter = new RateLimiterRedis({
      points: limit,
      duration: windowMs / 1000,
      keyPrefix: '',
      storeClient: clientFor(link, keyOf),
    });
  }

  // The quota in memory is not its `insuranceLimiter`, which has no time limit for Redis.
  async consume(key: string): Promise<Consumed | undefined> {
    const name = this.#keyOf(key);
    const response = await this.#link.lookUp(name, () => consumePoint(this.#limiter, key, ANY_DURATION));
    return response.ok ? response.value : undefined;
  }

  reward(key: string): void {
    void this.#link.run(() => this.#limiter.reward(key, 1, ANY_DURATION));
  }
}

/**
 * The client for rate-limiter-flexible. Given the real one, it would define its command on it, and the application
 * may use that client with limiters of its own.
 */
function clientFor({ client }: RedisLink, keyOf: (key: string) => string) {
  return {
    rlflxIncr: ([key = '', ...args]: readonly string[]) => client.eval(CONSUME, 1, keyOf(key), ...args),
  };
}
