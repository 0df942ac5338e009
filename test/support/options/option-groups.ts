import * as z from 'zod';
import { cacheBytesOption } from '../../../lib/apis/shared-options.js';
import { rulesSchema, sortOptions } from '../../../lib/apis/sort-options.js';
import { stageSchema } from '../../../lib/apis/stages.js';
import { breakerSchema } from '../../../lib/breaker/breaker-options.js';
import { cacheSchema } from '../../../lib/cache/cache-options.js';
import { concurrencySchema } from '../../../lib/concurrency/concurrency-options.js';
import { configJsonSchema, type JsonSchema } from '../../../lib/config/json-schema.js';
import { serverSchema } from '../../../lib/config/schema.js';
import { explainSchema } from '../../../lib/explain/explain-options.js';
import { metricsSchema } from '../../../lib/metrics/metrics-options.js';
import { proxyRotateSchema } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { rateLimitSchema } from '../../../lib/rate-limit/rate-limit-options.js';
import { requestIdSchema } from '../../../lib/request-id/request-id-options.js';
import { retrySchema } from '../../../lib/retry/retry-options.js';
import { sloSchema } from '../../../lib/stats/slo/slo-options.js';
import { statsSchema } from '../../../lib/stats/stats-options.js';
import { tracingSchema } from '../../../lib/tracing/tracing-options.js';
import { forwardSchema } from '../../../lib/upstream/options/forward-schema.js';
import { API_DOCS, type OptionDoc, REDIS_DOCS, SERVER_DOCS, SHARED_DOCS } from './option-docs.js';

/** A group of options: its documentation and its schema. */
export interface OptionGroup {
  readonly docs: readonly OptionDoc[];
  /** Names and rules of all options in code. */
  readonly shape: z.ZodRawShape;
  /** The defaults. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Their place in a file. */
  readonly file: JsonSchema | undefined;
}

const schema = configJsonSchema();
const apiFile: JsonSchema = Object(schema.definitions).api;

/** The block of options in a part of a schema. */
export function blockOf(part: JsonSchema | boolean | undefined): JsonSchema | undefined {
  if (typeof part !== 'object') return undefined;
  return part.properties ? part : part.anyOf?.map(blockOf).find((way) => way !== undefined);
}

const membersOf = (docs: readonly OptionDoc[], name: string) =>
  docs.find((doc) => doc.name === name)?.members ?? [];

function partOf(name: string, { shape }: z.ZodObject): OptionGroup {
  return {
    docs: membersOf(API_DOCS, name),
    shape,
    defaults: z.object(shape).parse({}),
    file: blockOf(apiFile.properties?.[name]),
  };
}

// Beside a breaker one of them has a limit less of its own.
const apiDefaults = sortOptions('', { target: 'http://localhost', breaker: false });
const { target: _target, ...forwardDefaults } = forwardSchema.parse(apiDefaults.forward);

/** Every group, by its name in the page's template. */
export const OPTION_GROUPS = {
  api: {
    docs: API_DOCS,
    shape: { ...forwardSchema.shape, ...rulesSchema.shape },
    defaults: { ...forwardDefaults, ...rulesSchema.parse({}), stages: apiDefaults.stages },
    file: apiFile,
  },
  retry: partOf('retry', retrySchema),
  breaker: partOf('breaker', breakerSchema),
  cache: partOf('cache', cacheSchema),
  rateLimit: partOf('rateLimit', rateLimitSchema),
  concurrency: partOf('concurrency', concurrencySchema),
  proxyRotate: partOf('proxyRotate', proxyRotateSchema),
  explain: partOf('explain', explainSchema),
  slo: partOf('slo', sloSchema),
  stages: {
    docs: membersOf(API_DOCS, 'stages'),
    shape: stageSchema.shape,
    defaults: {},
    file: undefined,
  },
  shared: {
    docs: SHARED_DOCS,
    shape: {},
    defaults: { cacheBytes: cacheBytesOption.parse(undefined) },
    file: schema,
  },
  redis: { docs: REDIS_DOCS, shape: {}, defaults: {}, file: blockOf(schema.properties?.redis) },
  stats: {
    docs: membersOf(SHARED_DOCS, 'stats'),
    shape: statsSchema.shape,
    defaults: statsSchema.parse({}),
    file: blockOf(schema.properties?.stats),
  },
  metrics: {
    docs: membersOf(SHARED_DOCS, 'metrics'),
    shape: metricsSchema.shape,
    defaults: metricsSchema.parse({}),
    file: blockOf(schema.properties?.metrics),
  },
  tracing: {
    docs: membersOf(SHARED_DOCS, 'tracing'),
    shape: tracingSchema.shape,
    defaults: tracingSchema.parse({}),
    file: blockOf(schema.properties?.tracing),
  },
  requestId: {
    docs: membersOf(SHARED_DOCS, 'requestId'),
    shape: requestIdSchema.shape,
    defaults: requestIdSchema.parse({}),
    file: blockOf(schema.properties?.requestId),
  },
  server: {
    docs: SERVER_DOCS,
    shape: {},
    defaults: { ...serverSchema.parse({}) },
    file: blockOf(schema.properties?.server),
  },
} satisfies Record<string, OptionGroup>;
