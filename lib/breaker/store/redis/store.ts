import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import * as z from 'zod';
import { Closing } from '../../../core/closing.js';
import { durationMs, optionsObject, resolveOptions } from '../../../core/options.js';
import { realTime, type Time } from '../../../core/time.js';
import { openChannels, openRedis, type RedisConnection, redisConnection } from '../../../redis/client.js';
import { RedisLink } from '../../../redis/link.js';
import { CircuitShares } from '../shares.js';
import type { CircuitStore } from '../store.js';
import { type ShareSite, StoredCircuitShare } from '../stored-share.js';
import { circuitChannel } from './keys.js';
import { CIRCUIT_SCRIPTS } from './scripts.js';
import { readMessage } from './state-text.js';

/** Options of `redisCircuits()`. */
export interface RedisCircuitsOptions {
  /**
   * A client of ioredis, or options for one, or a `redis:` or `rediss:` URL. A given client belongs to the application:
   * it is not closed with the store.
   */
  redis: RedisConnection;
  /**
   * Begin of all keys, and of the channel. Fleets with different prefixes share nothing.
   * @default 'rpo'
   */
  prefix?: string | undefined;
  /**
   * How long a call waits for the right to probe. Without a reply by then the process probes by itself.
   * @default 50
   */
  commandTimeoutMs?: number | undefined;
}

const schema = optionsObject({
  redis: redisConnection,
  prefix: z.string().min(1).default('rpo'),
  commandTimeoutMs: durationMs.default(50),
});

/** After this many commands without a reply in a row, Redis is not used for this long. */
const CIRCUIT = { failures: 5, resetMs: 1000 };

/** How often states are read where messages are not heard, and how many at once. */
const POLL_MS = 250;
const POLLED = 64;

/**
 * Keeps the state of circuits in Redis, so that those of several processes open and close together. A closed circuit
 * sends nothing but its failures. Without Redis each process goes on by itself.
 * @throws InvalidOptionError
 */
export function redisCircuits(options: RedisCircuitsOptions, time: Time = realTime): CircuitStore {
  const { redis, prefix, commandTimeoutMs } = resolveOptions(schema, options, 'redisCircuits');
  const opened = openRedis(redis);
  const link = new RedisLink(opened, { commandTimeoutMs, circuit: CIRCUIT, part: 'breaker' });
  const channels = openChannels(opened, commandTimeoutMs);
  const channel = circuitChannel(prefix);
  const shares = new CircuitShares();
  // Clients put it before each key, and messages hold keys as Redis has them.
  const keyPrefix = String(link.client.options.keyPrefix ?? '');
  const closing = new Closing();
  let heard = false;
  /** Where the next poll begins. */
  let polled = 0;

  const site: ShareSite = {
    link,
    prefix,
    run: (script, { state, reports, probe }, args) =>
      link.client.eval(CIRCUIT_SCRIPTS[script], 3, state, reports, probe, channel, ...args),
    id: randomUUID(),
    process: `${hostname()}:${process.pid}`,
    left: (share) => shares.delete(share),
  };

  function hear(message: string | undefined): void {
    if (message === undefined) {
      heard = false;
      return;
    }
    const news = readMessage(message);
    if (news?.key.startsWith(keyPrefix)) shares.hear(news.key.slice(keyPrefix.length), news.state);
  }

  /** Tells whether messages are heard; if they are again, some may have been missed. */
  async function listen(): Promise<void> {
    const now = await channels.listen(channel, hear).heard;
    if (closing.begun || heard === now) return;
    heard = now;
    if (now) for (const share of shares.all()) void share.read();
  }

  async function poll(): Promise<void> {
    if (heard || closing.begun) return;
    await listen();
    if (heard || closing.begun) return;
    const some = shares.all();
    if (polled >= some.length) polled = 0;
    for (const share of some.slice(polled, polled + POLLED)) void share.read();
    polled += POLLED;
  }

  link.onRecovered(() => {
    for (const share of shares.all()) void share.recover();
  });
  const stop = time.every(POLL_MS, () => void poll());
  void listen();

  return {
    join: (member) => shares.add(new StoredCircuitShare(member, site)),
    close: () =>
      closing.begin(async () => {
        stop();
        await channels.close();
        await link.close();
      }),
  };
}
