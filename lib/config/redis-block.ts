import type { z } from 'zod';
import type { RedisConnection } from '../redis/client.js';
import type { Environment } from './environment.js';
import type { redisSchema } from './schema.js';

/** The block `redis` of a file as options of ioredis. */
export function redisConnectionOf(block: z.output<typeof redisSchema>): RedisConnection {
  if (typeof block === 'string') return block;
  const { url, tls, ...options } = block;
  if (url !== undefined) return url;
  return tls ? { ...options, tls: {} } : options;
}

/** The connection in REDIS_URL, or else in REDIS_HOST, REDIS_PORT and REDIS_PASSWORD. */
export function redisFromEnvironment(env: Environment): z.input<typeof redisSchema> | undefined {
  const { REDIS_URL: url, REDIS_HOST: host, REDIS_PORT: port, REDIS_PASSWORD: password } = env;
  if (url) return url;
  if (!host) return undefined;
  return { host, port: Number(port || 6379), ...(password ? { password } : {}) };
}
