import * as z from 'zod';
import { ALL_PARTS, type PartBlocks } from '../apis/part-list.js';
import { cacheBytesOption, requestIdOption } from '../apis/shared-options.js';
import { durationMs, headerName, headerValue, optionsObject, sizeBytes } from '../core/options.js';
import { explainSchema } from '../explain/explain-options.js';
import { isAddressRange } from '../http/client-address.js';
import { metricsFileShape } from '../metrics/metrics-options.js';
import { sloSchema } from '../stats/slo/slo-options.js';
import { statsFileShape } from '../stats/stats-options.js';
import { tracingFileShape } from '../tracing/tracing-options.js';
import { forwardFileShape } from '../upstream/options/forward-schema.js';
import { targetUrl } from '../upstream/request/target.js';
import { blockOrFalse, blockOrSwitch, blockWordOrSwitch, unfilled } from './blocks.js';
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
  slo: sloSchema.shape,
  ...Object.fromEntries(ALL_PARTS.flatMap(({ name, options }) => (options ? [[name, options.file]] : []))),
};

type FileBlock = z.ZodOptional<z.ZodType<object | string | boolean>>;

/** The blocks of the parts, in which `retry` takes names of the OpenResty gateway too. */
const blocks = Object.fromEntries(
  ALL_PARTS.flatMap(({ name, options }): [string, FileBlock][] => {
    const more = name === 'retry' ? openrestyRetryShape : {};
    if (!options) return [];
    const block = optionsObject({ ...unfilled(options.file), ...more });
    const words = Object.keys(options.words ?? {});
    return [[name, (words.length > 0 ? blockWordOrSwitch(block, words) : blockOrSwitch(block)).optional()]];
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
  slo: blockOrFalse(optionsObject(unfilled(sloSchema.shape))).optional(),
  ...blocks,
  ...openrestyApiShape,
  target_url: target.optional(),
});

/** One API of a file, checked but not yet translated. */
export type FileApi = z.output<typeof apiSchema>;

const HOST_NAME = /^(?:[a-z0-9_-]+\.)*[a-z0-9_-]+$|^\[[0-9a-f:.]+\]$/i;

const ADDRESS_RANGE =
  "must be an address, a range as 10.0.0.0/8, or 'loopback', 'linklocal' or 'uniquelocal'";

const serverShape = {
  host: z.string().min(1).default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).default(8087),
  allowedHosts: z
    .array(z.string().regex(HOST_NAME, 'must be a host name without scheme and port'))
    .default([]),
  allowCrossSite: z.boolean().default(false),
  accessLog: z.boolean().default(false),
  trustProxy: z.array(z.string().refine(isAddressRange, ADDRESS_RANGE)).default([]),
  drainDelayMs: z
    .union([z.literal('auto'), z.number().min(0).max(2_147_483_647)], {
      error: "must be 'auto' or milliseconds, 0 or more",
    })
    .default('auto'),
  shutdownTimeoutMs: durationMs.default(10_000),
  ready: optionsObject({ requireRedis: z.boolean().default(false) }).prefault({}),
  headersTimeoutMs: durationMs.default(15_000),
  keepAliveTimeoutMs: durationMs.default(72_000),
  maxConnections: z.number().int().min(0).max(10_000_000).default(0),
  maxRequestsPerSocket: z.number().int().min(0).max(1_000_000_000).default(0),
  admin: optionsObject({
    host: z.string().min(1).default('127.0.0.1'),
    port: z.number().int().min(0).max(65_535),
  }).optional(),
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
   * to more than loopback, an empty list allows all, but for admin routes without a token.
   * @default []
   */
  readonly allowedHosts: readonly string[];
  /**
   * Allows requests that web pages of other sites make; otherwise they are 403 ERR_FORBIDDEN. They are recognized by
   * `Sec-Fetch-Site`, and by an `Origin` that is not in `allowedHosts` where a browser does not say it. Not checked where
   * it is bound to more than loopback and `allowedHosts` is empty.
   * @default false
   */
  readonly allowCrossSite: boolean;
  /**
   * Logs every call, not only those that fail.
   * @default false
   */
  readonly accessLog: boolean;
  /**
   * Proxies in front, by address (`10.0.0.7`), range (`10.0.0.0/8`) or name (`loopback`, `linklocal`, `uniquelocal`): the
   * client in a log line is then the last address in `X-Forwarded-For` that is none of theirs. Without it, it is whoever
   * has opened the connection.
   * @default []
   */
  readonly trustProxy: readonly string[];
  /**
   * How long it goes on accepting connections after SIGTERM, while `/health` and `/health/ready` say 503 and every
   * response says `Connection: close`: the time that balancers need to hear of it. 5 s suits Kubernetes.
   * `'auto'` is 1 s where a client is connected, and nothing where nobody is.
   * @default 'auto'
   */
  readonly drainDelayMs: number | 'auto';
  /**
   * How long a shutdown waits for calls in progress once the port is closed. What has not ended then is cut off: 503
   * ERR_SHUTTING_DOWN where the response has not begun.
   * @default 10000
   */
  readonly shutdownTimeoutMs: number;
  /**
   * When `/health/ready` is 200.
   * @default {"requireRedis":false}
   */
  readonly ready: {
    /**
     * Only while Redis is in use. With it all gateways are taken out when Redis is lost, where they could go on by
     * themselves.
     * @default false
     */
    readonly requireRedis: boolean;
  };
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
   * Most connections of clients at a time; further ones are closed at once. `0` is no limit. With `--workers` it holds
   * for each of them.
   * @default 0
   */
  readonly maxConnections: number;
  /**
   * Most requests that one connection of a client may carry: the last response says `Connection: close`. `0` is no
   * limit. It lets balancers spread clients anew.
   * @default 0
   */
  readonly maxRequestsPerSocket: number;
  /**
   * Serves admin routes and pages at an address of their own, and no longer beside `/api`, where only the health checks
   * stay.
   * @default none: they are served beside `/api`
   */
  readonly admin?:
    | {
        /**
         * Address that it binds to.
         * @default '127.0.0.1'
         */
        readonly host: string;
        /** Port that it listens on; `0` takes a free one, which the log names. */
        readonly port: number;
      }
    | undefined;
  /**
   * Applies changes of the file named by `--config` without a restart.
   * @default true
   */
  readonly watch: boolean;
}

/** Names of the options in the block `server`. */
export const SERVER_OPTIONS: readonly string[] = Object.keys(serverShape);

/** The block `server`. */
export const serverSchema: z.ZodType<GatewaySettings> = optionsObject(serverShape);

export { type RedisBlock, redisSchema } from './redis-schema.js';

/** The block `stats`. */
export const statsFileSchema = z.union([optionsObject(unfilled(statsFileShape)), z.boolean()], {
  error: 'must be a block of options, true or false',
});

/** The block `metrics`. */
export const metricsFileSchema = z.union([optionsObject(unfilled(metricsFileShape)), z.boolean()], {
  error: 'must be a block of options, true or false',
});

/** The block `tracing`. */
export const tracingFileSchema = blockOrSwitch(optionsObject(unfilled(tracingFileShape)));

// A record would be copied, of two thousand APIs at each reload.
const apis = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);

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
  requestId: requestIdOption.optional(),
  metrics: z.unknown().optional(),
  tracing: z.unknown().optional(),
});
