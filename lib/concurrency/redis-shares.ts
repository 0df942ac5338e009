import type { RedisLink } from '../redis/link.js';
import type { ShareBook } from './fleet-share.js';

/**
 * Takes a part of a limit for a while. Each process has a line in a hash, `granted wanted end`: that of a process which
 * was killed counts until its end. While another has less than it wants, none gets more than its fair share: the limit is
 * dealt out to all who want some, the modest first; where there are more of them than places, they take turns. The time
 * is that of Redis.
 *
 * KEYS: hash. ARGV: process, what it may have in flight until the reply, wanted, limit, lease in ms
 */
const LEASE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, floor, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local limit, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local all = redis.call('HGETALL', KEYS[1])
local taken, wants, names, hungry = 0, {}, {}, false
local function wishes(name, wanted)
  if wanted == 0 then return end
  wants[#wants + 1] = wanted
  names[#names + 1] = name
end
wishes(me, want)
for i = 1, #all, 2 do
  if all[i] ~= me then
    local granted, wanted, ends = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
    granted, wanted, ends = tonumber(granted), tonumber(wanted), tonumber(ends)
    -- The clock has gone back.
    if ends > now + lease then
      redis.call('HSET', KEYS[1], all[i], string.format('%.0f %.0f %.0f', granted, wanted, now + lease))
    end
    if ends <= now then redis.call('HDEL', KEYS[1], all[i])
    else
      taken = taken + granted
      wishes(all[i], wanted)
      if wanted > granted then hungry = true end
    end
  end
end
local granted = math.max(0, math.min(want, limit - taken))
if hungry and limit < #wants then
  table.sort(names)
  for i, name in ipairs(names) do
    local turn = (i + math.floor(now / lease)) % #names < limit
    if name == me and not turn then granted = 0 end
  end
  granted = math.min(granted, 1)
elseif hungry then
  table.sort(wants)
  local left, share = limit, 0
  for i, wanted in ipairs(wants) do
    if wanted > want then break end
    share = math.min(wanted, math.floor(left / (#wants - i + 1)))
    left = left - share
  end
  granted = math.min(granted, share)
end
local held = math.max(granted, floor)
if held == 0 and want == 0 then redis.call('HDEL', KEYS[1], me)
else
  redis.call('HSET', KEYS[1], me, string.format('%.0f %.0f %.0f', held, want, now + lease))
  redis.call('PEXPIRE', KEYS[1], 2 * lease)
end
return granted
`;

/** Parts of limits in Redis. */
export function redisShares(link: RedisLink): ShareBook {
  const { client } = link;
  return {
    async lease(key, { member, floor, want, limit, leaseMs }) {
      const reply = await link.lookUp(key, () =>
        client.eval(LEASE, 1, key, member, floor, want, limit, leaseMs),
      );
      return reply.ok ? Number(reply.value) : undefined;
    },
    giveBack: (key, member) => link.insist(() => client.hdel(key, member)),
    onRecovered: (listener) => link.onRecovered(listener),
    close: () => link.close(),
  };
}
