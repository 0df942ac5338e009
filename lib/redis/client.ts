import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import { z } from 'zod';
import { InvalidOptionError } from '../core/errors.js';

/**
 * How to reach Redis: an ioredis client, the options for one, a `redis:` or `rediss:` URL, or the path of a socket.
 */
export type RedisConnection = Redis | Cluster | RedisOptions | string;

export type RedisClient = Redis | Cluster;

/** The option `redis` of every part that can share its state between processes. */
export const redisConnection = z.custom<RedisConnection>(
  isConnection,
  'must be an ioredis client, its options, or a redis: or rediss: URL',
);

/** A client, and whether it is closed with what it was opened for. */
export interface OpenedRedis {
  readonly client: RedisClient;
  /** It was created here. The application's own client is left open, and unchanged. */
  readonly own: boolean;
}

/** How long a socket may take to close: a Redis that does not reply would keep it open. */
const DISCONNECT_TIMEOUT_MS = 200;

const OWN_DEFAULTS: RedisOptions = {
  enableAutoPipelining: true,
  // The replies to a batch arrive together: a look-up would wait for the values that are written beside it.
  autoPipeliningIgnoredCommands: ['eval'],
  connectTimeout: 2000,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  // Without it a vanished host is noticed only when TCP gives up, after a quarter of an hour.
  socketTimeout: 5000,
  retryStrategy,
};

const OWN_RULES: RedisOptions = {
  // A look-up that waits for a connection is worse than a miss.
  enableOfflineQueue: false,
  // Commands in flight when the connection is lost fail at once. Sent again they would overwrite later responses with
  // earlier ones; dropped silently they would block auto-pipelining for ever.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
};

/** The application's client, or one created here. */
export function openRedis(connection: RedisConnection): OpenedRedis {
  if (isRedisClient(connection)) return { client: connection, own: false };
  const client =
    typeof connection === 'string'
      ? fromUrl(connection)
      : new Redis({ ...OWN_DEFAULTS, ...connection, ...OWN_RULES });
  return { client, own: true };
}

/** A second connection to the same Redis, for subscriptions only. */
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

/** Whether a value is a client, even of another copy of ioredis. */
export function isRedisClient(value: unknown): value is RedisClient {
  return typeof value === 'object' && value !== null && 'duplicate' in value && 'getBuffer' in value;
}

function isConnection(value: unknown): boolean {
  if (typeof value === 'string') return /^(rediss?:\/\/|\/)/i.test(value);
  return isRedisClient(value) || (typeof value === 'object' && value !== null && !Array.isArray(value));
}

/** Closes a client without waiting for a Redis that does not reply. */
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
    // The error of the URL parser contains the URL, and with it the password.
    throw new InvalidOptionError(
      'redis',
      `redis must be a valid URL; received a string of ${url.length} characters`,
    );
  }
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times - 1, 5), 1000) + Math.floor(Math.random() * 100);
}
