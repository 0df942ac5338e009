import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import { z } from 'zod';
import { InvalidOptionError } from '../core/errors.js';

/** Where the shared cache is: a client of ioredis, the options for one, a `redis:` or `rediss:` URL, or a socket's path. */
export type RedisConnection = Redis | Cluster | RedisOptions | string;

export type RedisClient = Redis | Cluster;

/** The option `redis` of every part that can share its state between processes. */
export const redisConnection = z.custom<RedisConnection>(
  isConnection,
  'must be an ioredis client, its options, or a redis: or rediss: URL',
);

/** A client, and whether it ends with what it was opened for. */
export interface OpenedRedis {
  readonly client: RedisClient;
  /** It was made here: a client of the application's is left open, and as it was. */
  readonly own: boolean;
}

/** A socket that is to end is given this long to do so, for a Redis that does not answer would keep it. */
const DISCONNECT_TIMEOUT_MS = 200;

const OWN_DEFAULTS: RedisOptions = {
  enableAutoPipelining: true,
  // A batch is answered when all of it is done: a look-up would wait for the values that are written beside it.
  autoPipeliningIgnoredCommands: ['eval'],
  connectTimeout: 2000,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  // Without it a host that vanished is noticed when TCP gives up, after a quarter of an hour.
  socketTimeout: 5000,
  retryStrategy,
};

const OWN_RULES: RedisOptions = {
  // A look-up that waits for a connection is worth less than a miss.
  enableOfflineQueue: false,
  // What was asked before the connection was lost fails at once. Sent again it would write answers of before over later
  // ones; simply forgotten it would hold up auto-pipelining for ever.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
};

/** The application's client, or one of our own. */
export function openRedis(connection: RedisConnection): OpenedRedis {
  if (isRedisClient(connection)) return { client: connection, own: false };
  const client =
    typeof connection === 'string'
      ? fromUrl(connection)
      : new Redis({ ...OWN_DEFAULTS, ...connection, ...OWN_RULES });
  return { client, own: true };
}

/** A second connection to the same Redis, for nothing but channels. */
export function openSubscriber(client: RedisClient): RedisClient {
  if (isCluster(client)) return client.duplicate([], { enableOfflineQueue: false, lazyConnect: false });
  return client.duplicate({
    ...OWN_RULES,
    retryStrategy,
    autoResubscribe: false,
    enableAutoPipelining: false,
    lazyConnect: false,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  });
}

/** Whether a value is a client; one of another copy of ioredis is, too. */
export function isRedisClient(value: unknown): value is RedisClient {
  return typeof value === 'object' && value !== null && 'duplicate' in value && 'getBuffer' in value;
}

function isConnection(value: unknown): boolean {
  if (typeof value === 'string') return /^(rediss?:\/\/|\/)/i.test(value);
  return isRedisClient(value) || (typeof value === 'object' && value !== null && !Array.isArray(value));
}

/** Closes a client without waiting for a Redis that does not answer. */
export async function closeClient(client: RedisClient): Promise<void> {
  const connected = client.status !== 'end' && client.status !== 'reconnecting' && client.status !== 'close';
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
    setTimeout(resolve, 2 * DISCONNECT_TIMEOUT_MS).unref();
  });
  client.disconnect();
  if (connected) await ended;
}

function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

function fromUrl(url: string): Redis {
  try {
    return new Redis(url, { ...OWN_DEFAULTS, ...OWN_RULES });
  } catch {
    // The error of the URL parser holds the URL, and that the password.
    throw new InvalidOptionError(
      'redis',
      `redis must be a valid URL; received a string of ${url.length} characters`,
    );
  }
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times - 1, 5), 1000) + Math.floor(Math.random() * 100);
}
