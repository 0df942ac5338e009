import type { RedisClient } from '../../../redis/client.js';

/**
 * Stores a value and lists it for purges, as one command. Time is Redis' own, so that the clocks of the processes
 * do not matter. At each store a few members that have expired leave each list, more than come in, and a list goes
 * with its last member.
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

/** Takes values out, and off the lists. KEYS: index, expiry, the list they were found in, values … ARGV: keys … */
const REMOVE = `
local removed = 0
for i = 4, #KEYS do removed = removed + redis.call('UNLINK', KEYS[i]) end
for i = 1, 3 do redis.call('ZREM', KEYS[i], unpack(ARGV)) end
return removed
`;

/** Gives a lease back, unless it is another's by now. KEYS: lease. ARGV: token, channel */
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], 'released')
return 1
`;

export const REDIS_SCRIPTS = { store: STORE, remove: REMOVE, release: RELEASE } as const;

/** The script's answer. What is sent later by the same process takes effect later. */
export function runScript(
  client: RedisClient,
  script: string,
  keys: readonly string[],
  args: readonly (string | Buffer | number)[],
): Promise<unknown> {
  // EVALSHA has to be sent again as EVAL where Redis does not know the script yet, and a removal sent in between
  // would be overtaken. The text costs less than can be measured.
  return client.eval(script, keys.length, ...keys, ...args);
}
