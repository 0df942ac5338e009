import type { RedisLink } from '../../redis/link.js';
import type { Cells, Swapped } from './cells.js';

/**
 * Compare and swap: replaces the state that the new one was made from. If another process was quicker, returns its
 * state instead. The time is that of Redis, so that the clocks of the processes do not matter.
 *
 * KEYS: the gate. ARGV: state it was made from, new state, lifetime in ms
 */
const SWAP = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = redis.call('GET', KEYS[1]) or ''
if current ~= ARGV[1] then return {0, current, now} end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return {1, '', now}
`;

/** Values in Redis. */
export function redisCells(link: RedisLink): Cells {
  const { client } = link;
  return {
    get usable() {
      return link.usable;
    },
    async swap(key, from, to, lifetimeMs) {
      const reply = await link.lookUp(key, () => client.eval(SWAP, 1, key, from, to, lifetimeMs));
      // The script replies with three values.
      return reply.ok && Array.isArray(reply.value) ? (reply.value as unknown as Swapped) : undefined;
    },
    async facts(key) {
      const reply = await link.lookUp(key, () => client.hgetall(key));
      return reply.ok ? Object.entries(reply.value) : undefined;
    },
    addFacts(key, facts, lifetimeMs) {
      void link.run(() => client.hset(key, Object.fromEntries(facts)));
      void link.run(() => client.pexpire(key, lifetimeMs));
    },
  };
}
