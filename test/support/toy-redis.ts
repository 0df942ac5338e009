import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import type { Time } from '../../lib/core/time.js';

/**
 * A Redis for time that jumps, as far as advertised limits use one. Whether the script does in Redis what it does here
 * is tested with a real one.
 * @param travelMs how long a command or its reply is on its way
 */
export class ToyRedis {
  readonly values = new Map<string, string>();
  readonly #hashes = new Map<string, Record<string, string>>();
  readonly #time: Time;
  readonly #travelMs: () => number;

  constructor(time: Time, travelMs: () => number) {
    this.#time = time;
    this.#travelMs = travelMs;
  }

  /** A connection of one process: its replies come in order. */
  connect(): Redis {
    let repliedAt = 0;
    let sentAt = 0;
    const { steady, after } = this.#time;
    const run = <T>(command: () => T): Promise<T> =>
      new Promise((resolve) => {
        sentAt = Math.max(sentAt, steady() + this.#travelMs());
        after(sentAt - steady(), () => {
          const value = command();
          repliedAt = Math.max(repliedAt, steady() + this.#travelMs());
          after(repliedAt - steady(), () => resolve(value));
        });
      });
    const client = Object.assign(new EventEmitter(), {
      status: 'ready',
      duplicate: () => client,
      getBuffer: () => Promise.resolve(null),
      exists: () => run(() => 1),
      pexpire: () => run(() => 1),
      hgetall: (key: string) => run(() => ({ ...this.#hashes.get(key) })),
      hset: (key: string, fields: Record<string, string>) =>
        run(() => void this.#hashes.set(key, { ...this.#hashes.get(key), ...fields })),
      eval: (_script: string, _keys: number, key: string, from: string, to: string) =>
        run(() => {
          const current = this.values.get(key) ?? '';
          if (current !== from) return [0, current, steady()];
          if (to !== '') this.values.set(key, to);
          return [1, '', steady()];
        }),
    });
    return client as unknown as Redis;
  }
}
