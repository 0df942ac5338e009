import { z } from 'zod';
import { breakerFileShape } from '../breaker/breaker-options.js';
import { cacheFileShape } from '../cache/cache-options.js';
import { count, durationMs, headerName, headerValue, sizeBytes } from '../core/options.js';
import { explainSchema } from '../explain/explain-options.js';
import { proxyRotateFileShape } from '../proxy-rotate/proxy-rotate-options.js';
import { rateLimitFileShape } from '../rate-limit/rate-limit-options.js';
import { retrySchema } from '../retry/retry-options.js';
import { statsFileShape } from '../stats/stats-options.js';
import { targetUrl } from '../upstream/request/target.js';
import { blockOrFalse, fileObject, unfilled } from './file-object.js';
import { openrestyApiShape, openrestyRetryShape } from './openresty-shape.js';

const noLimitOr = z.union([durationMs, z.literal(0)], {
  error: 'must be a number of at least 1, or 0 for no limit',
});
const method = z.string().regex(/^[A-Z]+$/, 'must be a method in capitals, as POST');
const TEXT =
  'must be Latin-1 text without control characters, CR or LF, or a list of such (numbers go in quotes)';
const headers = z.record(headerName, z.union([headerValue, z.array(headerValue)], { error: TEXT }));

const target = z
  .string()
  .refine(isTarget, 'must be an absolute http or https URL, as https://api.example.com/v2');

function isTarget(value: string): boolean {
  try {
    return targetUrl(value, 'target') !== undefined;
  } catch {
    return false;
  }
}

const forwardShape = {
  target: target.optional(),
  method: method.optional(),
  headers: headers.optional(),
  forwardHeaders: z
    .union([z.boolean(), z.array(headerName)], { error: 'must be true, false or a list of field names' })
    .optional(),
  forwardCookies: z.boolean().optional(),
  secure: z.boolean().optional(),
  changeOrigin: z.boolean().optional(),
  xfwd: z.boolean().optional(),
  auth: z.string().optional(),
  pathRewrite: z.record(z.string(), z.string()).optional(),
  ignorePath: z.boolean().optional(),
  transport: z.enum(['auto', 'undici', 'node']).optional(),
  connections: count.optional(),
  keepAliveTimeoutMs: durationMs.optional(),
  connectTimeoutMs: durationMs.optional(),
  bodyTimeoutMs: noLimitOr.optional(),
  requestTimeoutMs: noLimitOr.optional(),
  maxResponseHeaderBytes: sizeBytes.min(1024).optional(),
  maxKeptBytes: sizeBytes.optional(),
  ws: z.boolean().optional(),
};

/** One API of a file, in either vocabulary or in both. */
export const apiSchema = fileObject({
  ...forwardShape,
  requiresBody: z.boolean().optional(),
  validateJson: z.boolean().optional(),
  maxBodyBytes: sizeBytes.optional(),
  explain: z
    .union([z.boolean(), fileObject(unfilled(explainSchema.shape))], {
      error: 'must be a block of options, true or false',
    })
    .optional(),
  breaker: blockOrFalse(fileObject(unfilled(breakerFileShape))).optional(),
  retry: blockOrFalse(fileObject({ ...unfilled(retrySchema.shape), ...openrestyRetryShape })).optional(),
  cache: blockOrFalse(fileObject(unfilled(cacheFileShape))).optional(),
  rateLimit: blockOrFalse(fileObject(unfilled(rateLimitFileShape))).optional(),
  proxyRotate: blockOrFalse(fileObject(unfilled(proxyRotateFileShape))).optional(),
  ...openrestyApiShape,
  target_url: target.optional(),
});

/** One API of a file, checked but not yet transcribed. */
export type FileApi = z.output<typeof apiSchema>;

const HOST_NAME = /^(?:[a-z0-9_-]+\.)*[a-z0-9_-]+$|^\[[0-9a-f:.]+\]$/i;

const serverShape = {
  host: z.string().min(1).default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).default(8087),
  allowedHosts: z
    .array(z.string().regex(HOST_NAME, 'must be a host name without scheme and port'))
    .default([]),
  allowCrossSite: z.boolean().default(false),
  accessLog: z.boolean().default(false),
  shutdownTimeoutMs: durationMs.default(10_000),
  headersTimeoutMs: durationMs.default(15_000),
  keepAliveTimeoutMs: durationMs.default(72_000),
  watch: z.boolean().default(true),
};

/** How the gateway itself runs: the block `server` of a file, every default filled in. */
export interface GatewaySettings {
  /**
   * Address it binds to. `0.0.0.0` and `::` are all addresses: anybody who reaches the port can then use the APIs'
   * keys.
   * @default '127.0.0.1'
   */
  readonly host: string;
  /**
   * Port it listens on; `0` takes a free one.
   * @default 8087
   */
  readonly port: number;
  /**
   * Host names that requests may have in `Host`, besides those of this machine; others are 403 ERR_FORBIDDEN. Bound
   * to more than loopback, an empty list allows all.
   * @default []
   */
  readonly allowedHosts: readonly string[];
  /**
   * Allows requests that web pages of other sites make; otherwise they are 403 ERR_FORBIDDEN. Not checked where it is
   * bound to more than loopback and `allowedHosts` is empty.
   * @default false
   */
  readonly allowCrossSite: boolean;
  /**
   * Logs every call, not only those that fail.
   * @default false
   */
  readonly accessLog: boolean;
  /**
   * How long a shutdown waits for calls in progress.
   * @default 10000
   */
  readonly shutdownTimeoutMs: number;
  /**
   * How long a client may take to send a request's headers.
   * @default 15000
   */
  readonly headersTimeoutMs: number;
  /**
   * How long an idle connection of a client is kept. Keep it above the idle timeout of a load balancer in front.
   * @default 72000
   */
  readonly keepAliveTimeoutMs: number;
  /**
   * Applies changes of the file named by `--config` without a restart.
   * @default true
   */
  readonly watch: boolean;
}

/** The block `server` by itself, for its defaults. */
export const serverSchema: z.ZodType<GatewaySettings> = fileObject(serverShape);

/** The block `stats`. */
export const statsFileSchema = z.union([fileObject(unfilled(statsFileShape)), z.boolean()], {
  error: 'must be a block of options, true or false',
});

const host = z.string().min(1);
const port = z.number().int().min(1).max(65_535);

const redisUrl = z
  .string()
  .regex(/^rediss?:\/\/[^\s]+$/i, 'must be a redis: or rediss: URL, or a block of options');

/** The block `redis` of a file where it is no URL: a host or Sentinels. */
export interface RedisBlock {
  /** A `redis:` or `rediss:` URL, in place of all other options. */
  url?: string;
  /**
   * Host name or address.
   * @default 'localhost'
   */
  host?: string;
  /**
   * Port.
   * @default 6379
   */
  port?: number;
  /** User of the access control list. */
  username?: string;
  /** Password, best from the environment: `${REDIS_PASSWORD}`. */
  password?: string;
  /**
   * Number of the database.
   * @default 0
   */
  db?: number;
  /**
   * Connects by TLS.
   * @default false
   */
  tls?: boolean;
  /** Sentinels that know the master. */
  sentinels?: {
    /** Host name or address. */
    host: string;
    /**
     * Port.
     * @default 26379
     */
    port: number;
  }[];
  /** Name of the group of masters that the Sentinels watch. */
  name?: string;
  /** Password of the Sentinels. */
  sentinelPassword?: string;
}

/** The block `redis`: a URL, or a host or Sentinels. */
export const redisSchema = z.union(
  [
    redisUrl,
    fileObject({
      url: redisUrl.optional(),
      host: host.optional(),
      port: port.optional(),
      username: z.string().optional(),
      password: z.string().optional(),
      db: z.number().int().min(0).optional(),
      tls: z.boolean().optional(),
      sentinels: z
        .array(fileObject({ host, port: port.default(26_379) }))
        .min(1)
        .optional(),
      name: z.string().min(1).optional(),
      sentinelPassword: z.string().optional(),
    }) satisfies z.ZodType<RedisBlock>,
  ],
  { error: 'must be a redis: or rediss: URL, or a block of options' },
);

const apis = z.record(z.string(), z.unknown());

/** A configuration file without its APIs, which are checked one by one. */
export const fileSchema = fileObject({
  apis: apis.optional(),
  api_configs: apis.optional(),
  defaults: z.unknown().optional(),
  server: z.unknown().optional(),
  redis: z.unknown().optional(),
  stats: z.unknown().optional(),
});
