import type { RedisClient } from '../../../redis/client.js';

/**
 * Stores a value and lists it for purges, as one command. It uses Redis' own clock, so that the clocks of the
 * processes do not matter. Each store removes a few expired members from each list, more than it adds, and a list
 * expires with its last member.
 *
 * KEYS: value, index, expiry, lease, tags … ARGV: value, lifetime in ms, key, channel of the lease
 */
const STORE = `
local px = tonumber(ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function trim(list, other)
  local gone = redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, 16)
  if #gone == 0 then return end
  redis.call('ZREM', list, unpack(gone))
  if other then redis.call('ZREM', other, unpack(gone)) end
end
local function add(list, score)
  redis.call('ZADD', list, score, ARGV[3])
  if redis.call('PTTL', list) < px then redis.call('PEXPIRE', list, ARGV[2]) end
end
local till = string.format('%.0f', now + px)
trim(KEYS[3], KEYS[2])
add(KEYS[2], '0')
add(KEYS[3], till)
for i = 5, #KEYS do
  trim(KEYS[i])
  add(KEYS[i], till)
end
if redis.call('EXISTS', KEYS[4]) == 1 then redis.pcall('PUBLISH', ARGV[4], 'stored') end
return 1
`;

/**
 * Removes values, and their keys from the lists. KEYS: index, expiry, the list they were found in, values … ARGV:
 * keys …
 */
const REMOVE = `
local removed = 0
for i = 4, #KEYS do removed = removed + redis.call('UNLINK', KEYS[i]) end
for i = 1, 3 do redis.call('ZREM', KEYS[i], unpack(ARGV)) end
return removed
`;

/** Releases a lease, unless another process holds it by now. KEYS: lease. ARGV: token, channel */
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], 'released')
return 1
`;

/** Keeps a lease for longer, unless another process holds it by now. KEYS: lease. ARGV: token, lifetime in ms */
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

export const REDIS_SCRIPTS = { store: STORE, remove: REMOVE, release: RELEASE, renew: RENEW } as const;

/** The script's reply. Scripts of one process take effect in the order in which they are sent. */
export function runScript(
  client: RedisClient,
  script: string,
  keys: readonly string[],
  args: readonly (string | Buffer | number)[],
): Promise<unknown> {
  // EVALSHA has to be sent again as EVAL where Redis does not know the script yet, and a removal sent in between
  // would be overtaken. The cost of sending the text is too small to measure.
  return client.eval(script, keys.length, ...keys, ...args);
}
