import type { Redis, RedisOptions } from 'ioredis';
import { InvalidOptionError } from '../core/errors.js';
import { ioredis } from '../core/packages/ioredis.js';
import {
  DISCONNECT_TIMEOUT_MS,
  disconnect,
  isCluster,
  LEFT,
  OWN_RULES,
  onceEnded,
  retryStrategy,
} from './connections.js';
import { isSelectError } from './reply.js';
import { watchSentinels } from './sentinel-watch.js';
import {
  checkedSettings,
  clientParts,
  clusterOptions,
  isRedisClient,
  type OwnOptions,
  type RedisClient,
  type RedisConnection,
  type RedisSettings,
} from './settings.js';
import { SharedRedis } from './shared-redis.js';
import { type Channels, RedisSubscriber } from './subscriber.js';

export { closeClient } from './connections.js';
export type { RedisClient, RedisConnection } from './settings.js';
export { isRedisClient, redisConnection } from './settings.js';

/** A client, and whether it is closed with what it was opened for. */
export interface OpenedRedis {
  readonly client: RedisClient;
  /** It was created here. The application's own client is left open, and unchanged. */
  readonly own: boolean;
  /** Where it is used by many parts, what they all report to. */
  readonly shared?: SharedRedis;
}

/** A Redis that stays read-only is not connected to more often than this. */
const LEAVE_EVERY_MS = 1000;

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

/** The application's client, or one created here. @throws InvalidOptionError */
export function openRedis(connection: RedisConnection): OpenedRedis {
  if (connection instanceof SharedRedis) return { client: connection.client, own: false, shared: connection };
  if (isRedisClient(connection)) return { client: connection, own: false };
  const settings = checkedSettings(connection);
  if (settings.client) return { client: settings.client, own: false };
  return { client: ownClient(settings), own: true };
}

/**
 * Channels for one part, on the connection of all parts where there is one.
 * @param limitMs how long a subscription may take to count as heard
 */
export function openChannels({ client, shared }: OpenedRedis, limitMs: number): Channels {
  return (shared?.subscriber ?? new RedisSubscriber(client)).channels(limitMs);
}

function ownClient(settings: RedisSettings): RedisClient {
  const { nodes, options: given } = clientParts(settings);
  const { url } = settings;
  const { Cluster, Redis } = ioredis();
  let client: RedisClient | undefined;
  const leave = leavingStale(() => client?.emit(LEFT));
  const options = { ...OWN_DEFAULTS, reconnectOnError: leave, ...given, ...OWN_RULES } as OwnOptions;
  try {
    if (nodes) client = new Cluster([...nodes], clusterOptions(options, retryStrategy));
    else client = url === undefined ? new Redis(options) : new Redis(url, options);
  } catch {
    // The error of the URL parser contains the URL, and with it the password.
    throw new InvalidOptionError(
      'redis',
      `redis must be a valid URL; received a string of ${url?.length ?? 0} characters`,
    );
  }
  leaveWrongDatabase(client);
  if (!isCluster(client) && client.options.sentinels) leaveOldPrimary(client);
  return client;
}

/** Leaves the primary that Sentinels have replaced, whether it is gone, hangs or goes on. */
function leaveOldPrimary(client: Redis): void {
  const watch = watchSentinels(client.options, retryStrategy, ({ host, port }) => {
    // Each Sentinel tells of it, and one that was asked before it knew has named the old one once more.
    const { remoteAddress, remotePort } = client.stream ?? {};
    if (remoteAddress === host && remotePort === port) return;
    client.emit(LEFT);
    disconnect(client, true);
  });
  onceEnded(client, () => watch.close());
}

/**
 * Whether an error says that this Redis is no longer the one to use: it has become a replica, or it has begun anew and
 * still loads. Behind one name there may be another one by now.
 */
function leavingStale(left: () => void): (error: Error) => boolean {
  let lastAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!/\b(READONLY|LOADING)\b/.test(error.message)) return false;
    const now = performance.now();
    if (now - lastAt < LEAVE_EVERY_MS) return false;
    lastAt = now;
    left();
    return true;
  };
}

/** Without it a client that cannot choose its database would go on in database 0, which may be another's. */
function leaveWrongDatabase(client: RedisClient): void {
  if (client.isCluster) return;
  client.on('error', (error: Error) => {
    if (isSelectError(error)) disconnect(client, true);
  });
}
