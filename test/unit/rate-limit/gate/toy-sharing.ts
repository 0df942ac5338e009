import { Events } from '../../../../lib/core/events.js';
import type { Passage } from '../../../../lib/rate-limit/gate/gate.js';
import { redisCells } from '../../../../lib/rate-limit/gate/redis-cells.js';
import { SharedGate } from '../../../../lib/rate-limit/gate/shared-gate.js';
import type { RateLimitEvents } from '../../../../lib/rate-limit/rate-limit-events.js';
import type { Refusal } from '../../../../lib/rate-limit/refusal.js';
import type { RedisLink } from '../../../../lib/redis/link.js';
import { NOTHING } from './toy-gate.js';

export const NOW = 1_700_000_000_000;
export const NAME = { api: 'api', credential: 'abc', proxy: 'p' };

/** A Redis that knows one script, by a clock of its own; whether the script does so in Redis is tested with one. */
export class ToyRedis {
  readonly values = new Map<string, string>();
  usable = true;
  now = NOW;
  /** Arguments of each call: state before, state afterwards, lifetime. */
  readonly calls: [from: string, to: string, lifetimeMs: number][] = [];
  /** Runs before the next call, as another process may. */
  before: (() => void) | undefined;
  reply: unknown;

  readonly client = {
    eval: async (
      _script: string,
      _keys: number,
      key: string,
      from: string,
      to: string,
      lifetimeMs: number,
    ) => {
      this.calls.push([from, to, lifetimeMs]);
      const { before } = this;
      this.before = undefined;
      before?.();
      if (this.reply !== undefined) return this.reply;
      const current = this.values.get(key) ?? '';
      if (current !== from) return [0, current, this.now];
      if (to !== '') this.values.set(key, to);
      return [1, '', this.now];
    },
  };

  readonly lookUp = async (_key: string, send: () => Promise<unknown>) =>
    this.usable ? { ok: true, value: await send() } : { ok: false, reason: 'UNAVAILABLE' };

  get link(): RedisLink {
    return this as unknown as RedisLink;
  }
}

/** Processes that share a gate. */
export function sharing(redis = new ToyRedis(), maxPauseMs = 60_000) {
  const clock = { now: NOW };
  const told: string[] = [];
  const open = (): SharedGate => {
    const events = new Events<RateLimitEvents>();
    events.on('limitExhausted', () => told.push('exhausted'));
    events.on('limitAvailable', () => told.push('available'));
    return new SharedGate(
      NAME,
      { clock: () => clock.now, maxPauseMs, events },
      redisCells(redis.link),
      'key',
    );
  };
  const pass = (ms: number): void => {
    clock.now += ms;
    redis.now += ms;
  };
  return { redis, clock, told, pass, gates: [open(), open()] as const };
}

export const flush = () => new Promise((resolve) => setImmediate(resolve));
export const passage = async (gate: SharedGate): Promise<Passage> => {
  const taken = await gate.take();
  if ('by' in taken) throw new Error('It had to wait');
  return taken;
};
export const refusal = async (gate: SharedGate): Promise<Refusal> => {
  const taken = await gate.take();
  if (!('by' in taken)) throw new Error('It was let through');
  return taken;
};
export const LIMIT = { ...NOTHING, remaining: 2, limit: 9, waitMs: 5000, windowMs: 10_000 };
