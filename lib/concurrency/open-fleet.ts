import { hash, randomUUID } from 'node:crypto';
import type { Time } from '../core/time.js';
import { openRedis, type RedisConnection } from '../redis/client.js';
import { hashTag } from '../redis/hash-tag.js';
import { RedisLink } from '../redis/link.js';
import { lossOf } from '../redis/store-loss.js';
import type { Fleet, ShareBook } from './fleet-share.js';
import { redisShares } from './redis-shares.js';

/** After this many failed look-ups in a row, Redis is not used for this long. */
const REDIS_CIRCUIT = { failures: 5, resetMs: 1000 };

/** Longer keys are replaced by their digest. */
const MAX_LENGTH = 64;

/** A {@link Fleet} and its keys. */
export interface OpenFleet extends Fleet {
  keyOf(of: string): string;
}

/** Opens the Redis of a limit that processes share. */
export function openFleet(
  redis: RedisConnection,
  { name, prefix, commandTimeoutMs }: { name: string; prefix: string; commandTimeoutMs: number },
  limit: number,
  time: Time,
): OpenFleet {
  const opened = openRedis(redis);
  const link = new RedisLink(opened, { commandTimeoutMs, circuit: REDIS_CIRCUIT, part: 'concurrency' });
  const tag = hashTag(prefix, name);
  const bounded = (of: string) => (of.length > MAX_LENGTH ? `#${hash('sha256', of, 'base64url')}` : of);
  return {
    book: redisShares(link),
    time,
    limit,
    lost: lossOf(opened.shared),
    member: randomUUID(),
    // What each process let through by itself meanwhile would be more than the limit.
    connected: link.usable ? Promise.resolve() : firstConnection(link, commandTimeoutMs),
    keyOf: (of) => `${tag}:in-flight:${bounded(of)}`,
  };
}

/** The same where the processes of one machine keep it. */
export function machineFleet(book: ShareBook, name: string, limit: number, time: Time): OpenFleet {
  const connected = Promise.resolve();
  return { book, time, limit, member: randomUUID(), connected, keyOf: (of) => `${name}:${of}` };
}

function firstConnection(link: RedisLink, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs).unref();
    link.onRecovered(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
