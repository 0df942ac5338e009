import type { RateLimiterRedis } from 'rate-limiter-flexible';
import { rateLimiterRedis } from '../../core/packages/rate-limiter-flexible.js';
import type { RedisLink } from '../../redis/link.js';
import {
  type Consumed,
  consumePoints,
  type QuotaAlgorithm,
  type QuotaEngine,
  type QuotaLimit,
} from './engine.js';
import { SLOTS } from './sliding.js';

/**
 * Takes points, or gives them back. Unlike the script of rate-limiter-flexible it counts in milliseconds, does not
 * count refused points, and gives nothing back to a window that has ended. None lasts for longer than its window, though the
 * clock of Redis may have gone back, or the window have been longer when it began.
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
if left > window then
  redis.call('PEXPIRE', KEYS[1], window)
  left = window
end
local used = tonumber(redis.call('GET', KEYS[1])) + by
if by > 0 and used > tonumber(ARGV[3]) then return {used, left} end
return {redis.call('INCRBY', KEYS[1], by), left}
`;

/**
 * The same for a window that slides: a hash with what was taken in each of its slots. A slot in the future is one of before the
 * clock of Redis went back, or of a window of another length: it counts as the present one.
 *
 * KEYS: quota. ARGV: points, limit, window in ms, slot in ms, slot to give back to
 */
const SLIDE = `
local by = tonumber(ARGV[1])
if by < 0 then
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[5]))
  if not known then return {0, 0, 0} end
  if known + by <= 0 then redis.call('HDEL', KEYS[1], ARGV[5])
  else redis.call('HINCRBY', KEYS[1], ARGV[5], by) end
  return {0, 0, 0}
end
local limit, window, width = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local all = redis.call('HGETALL', KEYS[1])
local slots, sum = {}, 0
local slot = string.format('%.0f', math.floor(now / width))
for i = 1, #all, 2 do
  local taken = tonumber(all[i + 1])
  local left = (tonumber(all[i]) + 1) * width + window - now
  if left > window + width then
    redis.call('HDEL', KEYS[1], all[i])
    redis.call('HINCRBY', KEYS[1], slot, taken)
    left = window + width
  end
  if left <= 0 then redis.call('HDEL', KEYS[1], all[i])
  else
    sum = sum + taken
    slots[#slots + 1] = {left, taken}
  end
end
if sum + by <= limit then
  redis.call('HINCRBY', KEYS[1], slot, by)
  redis.call('PEXPIRE', KEYS[1], math.ceil(window + 2 * width))
  return {1, math.ceil(window), slot}
end
table.sort(slots, function (a, b) return a[1] < b[1] end)
for _, one in ipairs(slots) do
  sum = sum - one[2]
  if sum + by <= limit then return {0, math.ceil(one[1]), 0} end
end
return {0, math.ceil(window), 0}
`;

/**
 * The same for calls that go one after another: when the next may go, and when that was written. If the clock of Redis has gone
 * back since, both have.
 *
 * KEYS: quota. ARGV: points, limit, window in ms, –, -1 for points that have been used already
 */
const SPACE = `
local by = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval = by * tonumber(ARGV[3]) / tonumber(ARGV[2])
local text = redis.call('GET', KEYS[1]) or ''
local next, at = string.match(text, '^(%S+) (%S+)$')
next, at = tonumber(next) or now, tonumber(at) or now
if at > now then
  next = next - (at - now)
  redis.call('SET', KEYS[1], string.format('%.3f %.3f', next, now), 'PX', math.ceil(next - now))
end
if by > 0 and next > now and ARGV[5] ~= '-1' then return {0, math.ceil(next - now), 0} end
if by > 0 and next < now then next = now end
local left = next + interval - now
if left <= 0 then redis.call('DEL', KEYS[1]) return {1, 0, 0} end
redis.call('SET', KEYS[1], string.format('%.3f %.3f', next + interval, now), 'PX', math.ceil(left))
return {1, math.ceil(left), 0}
`;

/** A quota shared between processes: one command for each call. */
export function redisQuota(
  algorithm: QuotaAlgorithm,
  link: RedisLink,
  limit: QuotaLimit,
  keyOf: (key: string) => string,
): QuotaEngine {
  if (algorithm === 'fixed') return new FixedQuota(link, limit, keyOf);
  return new ScriptedQuota(link, algorithm === 'spaced' ? SPACE : SLIDE, limit, keyOf);
}

/** In place of a limit, for points that have been used already. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
const USED = -1;

/** For windows below a second rate-limiter-flexible would use another script; ours reads the limiter's own window. */
const ANY_DURATION = { customDuration: 1 };

class FixedQuota implements QuotaEngine {
  readonly #link: RedisLink;
  readonly #windowMs: number;
  readonly #limiter: RateLimiterRedis;
  readonly #keyOf: (key: string) => string;

  constructor(link: RedisLink, { limit, windowMs }: QuotaLimit, keyOf: (key: string) => string) {
    this.#link = link;
    this.#windowMs = windowMs;
    this.#keyOf = keyOf;
    this.#limiter = new (rateLimiterRedis())({
      points: limit,
      duration: windowMs / 1000,
      keyPrefix: '',
      storeClient: clientFor(link, keyOf),
    });
  }

  // The quota in memory is not its `insuranceLimiter`, which has no time limit for Redis.
  async consume(key: string, points: number): Promise<Consumed | undefined> {
    const name = this.#keyOf(key);
    const response = await this.#link.lookUp(name, () =>
      consumePoints(this.#limiter, key, points, ANY_DURATION),
    );
    return response.ok ? response.value : undefined;
  }

  reward(key: string, points: number): void {
    void this.#link.run(() => this.#limiter.reward(key, points, ANY_DURATION));
  }

  charge(key: string, points: number): void {
    const { client } = this.#link;
    const seconds = this.#windowMs / 1000;
    void this.#link.run(() => client.eval(CONSUME, 1, this.#keyOf(key), points, 0, UNLIMITED, seconds));
  }
}

class ScriptedQuota implements QuotaEngine {
  readonly #link: RedisLink;
  readonly #script: string;
  readonly #limit: QuotaLimit;
  readonly #keyOf: (key: string) => string;

  constructor(link: RedisLink, script: string, limit: QuotaLimit, keyOf: (key: string) => string) {
    this.#link = link;
    this.#script = script;
    this.#limit = limit;
    this.#keyOf = keyOf;
  }

  async consume(key: string, points: number): Promise<Consumed | undefined> {
    const name = this.#keyOf(key);
    const reply = await this.#link.lookUp(name, () => this.#run(name, points, 0));
    if (!reply.ok || !Array.isArray(reply.value)) return undefined;
    const [taken, leftMs, mark] = reply.value.map(Number);
    return { taken: taken === 1, leftMs: leftMs ?? 0, ...(mark !== undefined && { mark }) };
  }

  reward(key: string, points: number, mark = 0): void {
    void this.#link.run(() => this.#run(this.#keyOf(key), -points, mark));
  }

  charge(key: string, points: number): void {
    const { limit } = this.#limit;
    const most = this.#script === SPACE ? limit : UNLIMITED;
    void this.#link.run(() => this.#run(this.#keyOf(key), points, USED, most));
  }

  #run(name: string, points: number, mark: number, limit = this.#limit.limit): Promise<unknown> {
    const { windowMs } = this.#limit;
    return this.#link.client.eval(this.#script, 1, name, points, limit, windowMs, windowMs / SLOTS, mark);
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
