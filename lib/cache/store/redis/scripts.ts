import type { RedisClient } from '../../../redis/client.js';

/**
 * Reads and writes what look-ups have to know about an API: `epoch listed floor`, and ` tag=epoch` for tags. Each value
 * ends with the epoch in which it was stored. The lists miss no value of the epoch `listed` or later; what is older than
 * `floor`, or than the epoch of one of its tags, is purged.
 */
const EPOCHS = `
local epoch, listed, floor, tags
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function readEpochs(key)
  local text = redis.call('GET', key)
  if not text then return false end
  epoch, listed, floor, tags = string.match(text, '^(%d+) (%d+) (%d+)(.*)$')
  epoch, listed, floor = tonumber(epoch), tonumber(listed), tonumber(floor)
  return epoch ~= nil
end
local function writeEpochs(key, px)
  local text = string.format('%.0f %.0f %.0f', epoch, listed, floor) .. tags
  redis.call('SET', key, text, 'PX', string.format('%.0f', math.max(px, redis.call('PTTL', key), 1)))
end
`;

/**
 * Stores a value and lists it for purges, as one command. It uses Redis' own clock, so that the clocks of the
 * processes do not matter. Each store removes a few expired members from each list, more than it adds, and a list
 * expires with its last member. Lists of tags are themselves listed by expiry, so that one that was evicted is noticed;
 * its member `lost` has the epoch since when it is complete.
 *
 * KEYS: value, index, expiry, lease, epochs, tags … ARGV: value, lifetime in ms, key, channel of the lease, tags …
 */
const STORE = `${EPOCHS}
local px = tonumber(ARGV[2])
local function trim(list, other)
  local gone = redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, 16)
  if #gone == 0 then return end
  redis.call('ZREM', list, unpack(gone))
  if other then redis.call('ZREM', other, unpack(gone)) end
end
local function last(list)
  if redis.call('PTTL', list) < px then redis.call('PEXPIRE', list, ARGV[2]) end
end
local function add(list, score)
  redis.call('ZADD', list, score, ARGV[3])
  last(list)
end
local till = string.format('%.0f', now + px)
local changed = false
if not readEpochs(KEYS[5]) then
  epoch = time[1] * 1000000 + time[2]
  listed, floor, tags, changed = epoch, epoch, '', true
elseif redis.call('EXISTS', KEYS[2], KEYS[3]) < 2 then
  epoch = epoch + 1
  listed, changed = epoch, true
end
trim(KEYS[3], KEYS[2])
add(KEYS[2], '0')
add(KEYS[3], till)
for i = 6, #KEYS do
  local known = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[i - 1]) or 0)
  if known > now and redis.call('EXISTS', KEYS[i]) == 0 then
    epoch, changed = epoch + 1, true
    redis.call('ZADD', KEYS[i], string.format('%.0f', epoch), 'lost')
  end
  if known < now + px then redis.call('ZADD', KEYS[3], till, ARGV[i - 1]) end
  trim(KEYS[i])
  add(KEYS[i], till)
end
if changed then writeEpochs(KEYS[5], px) else last(KEYS[5]) end
redis.call('SET', KEYS[1], ARGV[1] .. string.format('%016.0f', epoch), 'PX', ARGV[2])
if redis.call('EXISTS', KEYS[4]) == 1 then redis.pcall('PUBLISH', ARGV[4], 'stored') end
return 1
`;

/**
 * Lists keys of an API in a range. What may be missing in the list counts as purged. KEYS: index, epochs. ARGV: first,
 * behind the last, how many
 */
const LIST_RANGE = `${EPOCHS}
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
  return {}
end
if readEpochs(KEYS[2]) and floor < listed then
  floor = listed
  writeEpochs(KEYS[2], 0)
end
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
`;

/** Tags whose epochs are remembered, each with a look-up's reply; beyond it everything older than the first is purged. */
const MAX_TAGS = 32;

/**
 * Lists keys that carry a tag. What may be missing in the list counts as purged. KEYS: list, epochs, expiry. ARGV: tag,
 * its digest, how many
 */
const LIST_TAGGED = `${EPOCHS}
if readEpochs(KEYS[2]) then
  local changed = false
  local since = tonumber(redis.call('ZSCORE', KEYS[1], 'lost') or 0)
  if redis.call('EXISTS', KEYS[1]) == 0 then
    local known = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or 0)
    if known > now or redis.call('EXISTS', KEYS[3]) == 0 then
      epoch = epoch + 1
      since = epoch
    end
  end
  redis.call('ZREM', KEYS[1], 'lost')
  if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[3], ARGV[1]) end
  if since > 0 then
    tags = string.gsub(tags, ' ' .. ARGV[2] .. '=%d+', '') .. ' ' .. ARGV[2] .. string.format('=%.0f', since)
    local _, count = string.gsub(tags, '=', '')
    if count > ${MAX_TAGS} then
      local first, others = string.match(tags, '^ %x+=(%d+)(.*)$')
      floor, tags = math.max(floor, tonumber(first)), others
    end
    changed = true
  end
  if floor < listed then floor, changed = listed, true end
  if changed then writeEpochs(KEYS[2], 0) end
end
return redis.call('ZRANGE', KEYS[1], 0, ARGV[3] - 1)
`;

/**
 * Removes values, and their keys from the lists. KEYS: index, expiry, epochs, the list they were found in, values …
 * ARGV: name of that list, keys …
 */
const REMOVE = `${EPOCHS}
local removed = 0
local had = redis.call('EXISTS', KEYS[1])
for i = 5, #KEYS do removed = removed + redis.call('UNLINK', KEYS[i]) end
for _, list in ipairs({KEYS[1], KEYS[2], KEYS[4]}) do redis.call('ZREM', list, unpack(ARGV, 2)) end
if redis.call('EXISTS', KEYS[4]) == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
if had == 1 and redis.call('EXISTS', KEYS[1]) == 0 and readEpochs(KEYS[3]) and listed <= floor then
  redis.call('DEL', KEYS[2], KEYS[3])
end
return removed
`;

/** Releases a lease, unless another process holds it by now. KEYS: lease. ARGV: token, channel, how it ended */
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3])
return 1
`;

/** Keeps a lease for longer, unless another process holds it by now. KEYS: lease. ARGV: token, lifetime in ms */
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

export const REDIS_SCRIPTS = {
  store: STORE,
  listRange: LIST_RANGE,
  listTagged: LIST_TAGGED,
  remove: REMOVE,
  release: RELEASE,
  renew: RENEW,
} as const;

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
