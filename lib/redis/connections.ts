import type { Cluster, RedisOptions } from 'ioredis';
import type { RedisClient } from './settings.js';

/** How long a socket may take to close: a Redis that does not reply would keep it open. */
export const DISCONNECT_TIMEOUT_MS = 200;
/** Emitted by a client of ours that leaves a Redis which must not be used any more. */
export const LEFT = 'rpo:left';

/** Emitted by a client of ours that is closed: one that waits to connect anew never tells of its end by itself. */
const CLOSED = 'rpo:closed';

/** Options of every connection of ours. */
export const OWN_RULES: RedisOptions = {
  // A look-up that waits for a connection is worse than a miss.
  enableOfflineQueue: false,
  // Commands in flight when the connection is lost fail at once. Sent again they would overwrite later responses with
  // earlier ones; dropped silently they would block auto-pipelining for ever.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
};

/** A second connection to the same Redis, for subscriptions only. It leaves when the first one does. */
export function openSubscriber(client: RedisClient): RedisClient {
  const subscriber = subscriberOf(client);
  const leave = () => disconnect(subscriber, true);
  client.on(LEFT, leave);
  onceEnded(subscriber, () => client.off(LEFT, leave));
  return subscriber;
}

function subscriberOf(client: RedisClient): RedisClient {
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

/** Closes a client without waiting for a Redis that does not reply. */
export async function closeClient(client: RedisClient): Promise<void> {
  const connected = client.status !== 'end' && client.status !== 'reconnecting' && client.status !== 'close';
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
    setTimeout(resolve, 2 * DISCONNECT_TIMEOUT_MS).unref();
  });
  disconnect(client);
  if (connected) await ended;
}

/**
 * Ends the connections of a client, for good or to connect anew. One that has none connects anew by itself, and would
 * end for good where it asks the Sentinels just now. A TLS connection that is ended during its handshake fails twice,
 * and ioredis listens for one error: the second would end the process.
 */
export function disconnect(client: RedisClient, reconnect = false): void {
  if (reconnect && !isCluster(client) && (client.stream?.destroyed ?? true)) return;
  for (const { stream } of isCluster(client) ? client.nodes() : [client]) stream?.on('error', () => {});
  client.disconnect(reconnect);
  if (!reconnect) client.emit(CLOSED);
}

/** Calls once the client is closed, or has given up. */
export function onceEnded(client: RedisClient, ended: () => void): void {
  const once = () => {
    client.off('end', once).off(CLOSED, once);
    ended();
  };
  client.on('end', once).on(CLOSED, once);
}

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** How long to wait before the next connection. */
export function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times - 1, 5), 1000) + Math.floor(Math.random() * 100);
}
