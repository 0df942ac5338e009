import { z } from 'zod';
import { cacheBytesOption } from '../apis/options.js';
import { ALL_PARTS, type PartBlocks } from '../apis/part-list.js';
import { durationMs, headerName, headerValue, optionsObject, sizeBytes } from '../core/options.js';
import { explainSchema } from '../explain/explain-options.js';
import { statsFileShape } from '../stats/stats-options.js';
import { forwardFileShape } from '../upstream/options/forward-schema.js';
import { targetUrl } from '../upstream/request/target.js';
import { blockOrFalse, unfilled } from './blocks.js';
import { openrestyApiShape, openrestyRetryShape } from './openresty-shape.js';

const TEXT =
  'must be Latin-1 text without control characters, CR or LF, or a list of such texts (put numbers in quotes)';
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

const text = z.string();
const PATHS = 'must be a path, a glob, or a list of either';

const forwardShape = {
  ...unfilled(forwardFileShape),
  target: target.optional(),
  forward: target.optional(),
  router: z.record(text, target).optional(),
  pathFilter: z.union([text, z.array(text)], { error: PATHS }).optional(),
  pathRewrite: z.record(text, text).optional(),
  headers: headers.optional(),
  forwardHeaders: z
    .union([z.boolean(), z.array(headerName)], { error: 'must be true, false or a list of header names' })
    .optional(),
  // PEM text or the path of a file, which is read after the variables are substituted.
  ca: z.union([text, z.array(text)], { error: 'must be PEM text, a path, or a list of either' }).optional(),
  cert: text.optional(),
  key: text.optional(),
};

/** Options in each block of an API that a file can set, with their defaults. */
export const PART_SHAPES: Readonly<Record<string, z.ZodRawShape>> = {
  explain: explainSchema.shape,
  ...Object.fromEntries(ALL_PARTS.flatMap(({ name, options }) => (options ? [[name, options.file]] : []))),
};

type FileBlock = z.ZodOptional<z.ZodType<object | false>>;

/** The blocks of the parts, in which `retry` takes names of the OpenResty gateway too. */
const blocks = Object.fromEntries(
  ALL_PARTS.flatMap(({ name, options }): [string, FileBlock][] => {
    const more = name === 'retry' ? openrestyRetryShape : {};
    return options
      ? [[name, blockOrFalse(optionsObject({ ...unfilled(options.file), ...more })).optional()]]
      : [];
  }),
) as Record<keyof PartBlocks, FileBlock>;

/** One API of a file, in either vocabulary or a mix of both. */
export const apiSchema = optionsObject({
  ...forwardShape,
  requiresBody: z.boolean().optional(),
  validateJson: z.boolean().optional(),
  maxBodyBytes: sizeBytes.optional(),
  explain: z
    .union([z.boolean(), optionsObject(unfilled(explainSchema.shape))], {
      error: 'must be a block of options, true or false',
    })
    .optional(),
  ...blocks,
  ...openrestyApiShape,
  target_url: target.optional(),
});

/** One API of a file, checked but not yet translated. */
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

/** Settings of the gateway: the block `server` of a file, with every default filled in. */
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

/** The block `server`. */
export const serverSchema: z.ZodType<GatewaySettings> = optionsObject(serverShape);

/** The block `stats`. */
export const statsFileSchema = z.union([optionsObject(unfilled(statsFileShape)), z.boolean()], {
  error: 'must be a block of options, true or false',
});

const host = z.string().min(1);
const port = z.number().int().min(1).max(65_535);

const redisUrl = z
  .string()
  .regex(/^rediss?:\/\/[^\s]+$/i, 'must be a redis: or rediss: URL, or a block of options');

/** The block `redis` of a file where it is not a URL: a host or Sentinels. */
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
    optionsObject({
      url: redisUrl.optional(),
      host: host.optional(),
      port: port.optional(),
      username: z.string().optional(),
      password: z.string().optional(),
      db: z.number().int().min(0).optional(),
      tls: z.boolean().optional(),
      sentinels: z
        .array(optionsObject({ host, port: port.default(26_379) }))
        .min(1)
        .optional(),
      name: z.string().min(1).optional(),
      sentinelPassword: z.string().optional(),
    }) satisfies z.ZodType<RedisBlock>,
  ],
  { error: 'must be a redis: or rediss: URL, or a block of options' },
);

const apis = z.record(z.string(), z.unknown());

/** The root of a configuration file; its APIs are checked one by one. */
export const fileSchema = optionsObject({
  // Tells editors where the JSON Schema is.
  $schema: z.string().optional(),
  apis: apis.optional(),
  api_configs: apis.optional(),
  defaults: z.unknown().optional(),
  server: z.unknown().optional(),
  redis: z.unknown().optional(),
  cacheBytes: cacheBytesOption.unwrap().optional(),
  stats: z.unknown().optional(),
});
