import type { RedisOptions } from 'ioredis';
import { ioredis } from '../core/packages/ioredis.js';
import { disconnect } from './connections.js';

/** What Sentinels publish when another node has become primary: the group, host and port of the old one, and of the new. */
const SWITCHED = '+switch-master';

/**
 * Tells when Sentinels have another primary. A connection to the old one may stay open, and one that hung and is back
 * takes writes until it hears of its own end. The detector of ioredis prints the errors of Sentinels that are gone.
 * @param switched called by each Sentinel for one change
 */
export function watchSentinels(
  options: RedisOptions,
  retryStrategy: (times: number) => number,
  switched: (primary: { readonly host: string; readonly port: number }) => void,
): { close(): void } {
  const { sentinels = [], name, sentinelUsername, sentinelPassword, sentinelTLS, connectTimeout } = options;
  const { Redis } = ioredis();
  const clients = sentinels.map(({ host, port = 26379, family }) => {
    const client = new Redis({
      host,
      port,
      family,
      connectTimeout,
      retryStrategy,
      ...(sentinelUsername ? { username: sentinelUsername } : {}),
      ...(sentinelPassword ? { password: sentinelPassword } : {}),
      ...(sentinelTLS ? { tls: sentinelTLS } : {}),
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
    });
    // Whether there is a Sentinel left to ask is found out, and told, by the client that asks.
    client.on('error', () => {});
    client.on('ready', () => void client.subscribe(SWITCHED).catch(() => {}));
    client.on('message', (_channel: string, message: string) => {
      const [group, , , host = '', port] = message.split(' ');
      if (group === name) switched({ host, port: Number(port) });
    });
    return client;
  });
  return {
    close() {
      for (const client of clients) disconnect(client);
    },
  };
}
