import * as z from 'zod';
import { optionsObject } from '../core/options.js';

const host = z.string().min(1);
const port = z.number().int().min(1).max(65_535);

const redisUrl = z
  .string()
  .regex(/^rediss?:\/\/[^\s]+$/i, 'must be a redis: or rediss: URL, or a block of options');

/** TLS to Redis. Certificates and keys are PEM text or the path of a file. */
export interface RedisTls {
  /** Authorities that are trusted, in place of the well-known ones. */
  ca?: string | string[] | undefined;
  /** Certificate of this client. */
  cert?: string | undefined;
  /** Its key. */
  key?: string | undefined;
  /**
   * Name that the certificate of Redis must have.
   * @default the host
   */
  servername?: string | undefined;
}

/** The block `redis` of a file where it is not a URL: one Redis, Sentinels, or a Cluster. */
export interface RedisBlock {
  /** A `redis:` or `rediss:` URL. Options beside it add what it does not say. */
  url?: string | undefined;
  /**
   * Host name or address.
   * @default 'localhost'
   */
  host?: string | undefined;
  /**
   * Port.
   * @default 6379
   */
  port?: number | undefined;
  /** Path of a Unix socket, in place of host and port. */
  path?: string | undefined;
  /** User of the access control list. */
  username?: string | undefined;
  /** Password, best from the environment: `${REDIS_PASSWORD}`. */
  password?: string | undefined;
  /**
   * Number of the database.
   * @default 0
   */
  db?: number | undefined;
  /**
   * Connects by TLS: `true`, or options. A `rediss:` URL does so as well.
   * @default false
   */
  tls?: boolean | RedisTls | undefined;
  /** Sentinels that know the master. */
  sentinels?:
    | {
        /** Host name or address. */
        host: string;
        /**
         * Port.
         * @default 26379
         */
        port: number;
      }[]
    | undefined;
  /** Name of the group of masters that the Sentinels watch. */
  name?: string | undefined;
  /** User of the Sentinels. */
  sentinelUsername?: string | undefined;
  /** Password of the Sentinels. */
  sentinelPassword?: string | undefined;
  /**
   * Connects to the Sentinels by TLS: `true`, or options.
   * @default false
   */
  sentinelTls?: boolean | RedisTls | undefined;
  /** Some nodes of a Cluster, which tell of the others. User, password and TLS are those of all nodes. */
  cluster?:
    | {
        /** Host name or address. */
        host: string;
        /**
         * Port.
         * @default 6379
         */
        port: number;
      }[]
    | undefined;
  /**
   * Begin of all keys and channels in Redis. Fleets with different prefixes share nothing.
   * @default 'rpo'
   */
  prefix?: string | undefined;
  /**
   * How long a call waits for Redis. Beyond it a look-up in the cache is a miss, and a limit is counted by this process.
   * @default 50
   */
  commandTimeoutMs?: number | undefined;
  /**
   * What configured limits do while Redis is lost: `local`, each process has the whole limit; `divided`, each has its
   * part of it, by the number of processes last seen; `reject`, calls are 429 ERR_RATE_LIMITED or 503
   * ERR_CONCURRENCY_LIMIT, or wait.
   * @default 'local'
   */
  onStoreLoss?: 'local' | 'divided' | 'reject' | undefined;
}

const tls = z.union(
  [
    z.boolean(),
    optionsObject({
      ca: z.union([z.string(), z.array(z.string())]).optional(),
      cert: z.string().optional(),
      key: z.string().optional(),
      servername: z.string().min(1).optional(),
    }),
  ],
  { error: 'must be true, false or a block of options' },
);

/** The block `redis`: a URL, or one Redis, Sentinels, or a Cluster. */
export const redisSchema = z.union(
  [
    redisUrl,
    optionsObject({
      url: redisUrl.optional(),
      host: host.optional(),
      port: port.optional(),
      path: z.string().min(1).optional(),
      username: z.string().optional(),
      password: z.string().optional(),
      db: z.number().int().min(0).optional(),
      tls: tls.optional(),
      sentinels: z
        .array(optionsObject({ host, port: port.default(26_379) }))
        .min(1)
        .optional(),
      name: z.string().min(1).optional(),
      sentinelUsername: z.string().optional(),
      sentinelPassword: z.string().optional(),
      sentinelTls: tls.optional(),
      cluster: z
        .array(optionsObject({ host, port: port.default(6379) }))
        .min(1)
        .optional(),
      prefix: z
        .string()
        .regex(/^[^\s{}]{1,100}$/, 'must be 1 to 100 characters without spaces and braces')
        .optional(),
      commandTimeoutMs: z.number().min(1).max(60_000).optional(),
      onStoreLoss: z.enum(['local', 'divided', 'reject']).optional(),
    }) satisfies z.ZodType<RedisBlock>,
  ],
  { error: 'must be a redis: or rediss: URL, or a block of options' },
);
