import * as z from 'zod';
import { cacheBytesOption, requestIdOption } from '../apis/shared-options.js';
import { metricsFileShape } from '../metrics/metrics-options.js';
import { statsFileShape } from '../stats/stats-options.js';
import { tracingFileShape } from '../tracing/tracing-options.js';
import {
  apiSchema,
  type fileSchema,
  metricsFileSchema,
  PART_SHAPES,
  redisSchema,
  serverSchema,
  statsFileSchema,
  tracingFileSchema,
} from './schema.js';

/** A JSON Schema (draft 7, which editors support best), or a part of one. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Any value may come from the environment: until then it is a reference to a variable. */
const VARIABLE: JsonSchema = { type: 'string', pattern: '\\$\\{' };
const A_VARIABLE: JsonSchema = { $ref: '#/definitions/variable' };

/**
 * The schema of a configuration file, with which editors complete and validate it. It is more lenient than the
 * loader, which also checks rules between options and the values of variables. Descriptions are added by
 * `npm run schema`.
 */
export function configJsonSchema(): JsonSchema {
  const api = plain(apiSchema);
  for (const [name, shape] of Object.entries(PART_SHAPES))
    addDefaults(blockOf(api.properties?.[name]), shape);
  const stats = plain(statsFileSchema);
  addDefaults(blockOf(stats), statsFileShape);
  const metrics = plain(metricsFileSchema);
  addDefaults(blockOf(metrics), metricsFileShape);
  const tracing = plain(tracingFileSchema);
  addDefaults(blockOf(tracing), tracingFileShape);
  const apis: JsonSchema = {
    type: 'object',
    description: 'Each API under its name: the gateway serves it at /api/<name>/<path>.',
    additionalProperties: { $ref: '#/definitions/api' },
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of resilient-proxy-out',
    type: 'object',
    properties: {
      $schema: { type: 'string', description: 'Path or URL of this schema, for editors.' },
      server: { ...plain(serverSchema), description: 'How the gateway itself runs.' },
      redis: {
        ...plain(redisSchema),
        description: 'Redis, for state that processes share: a URL or options.',
      },
      cacheBytes: {
        ...plain(cacheBytesOption),
        description: 'Memory of all caches together, besides the limit of each.',
      },
      requestId: {
        ...plain(requestIdOption),
        description: "Gives each call an `X-Request-Id`, the client's or a new one: options, or false.",
        default: true,
      },
      stats: { ...stats, description: 'Statistics: options, or false to turn them off.' },
      metrics: { ...metrics, description: 'Metrics for Prometheus: options, or false to turn them off.' },
      tracing: { ...tracing, description: 'Spans of OpenTelemetry: options, or false.' },
      defaults: {
        allOf: [{ $ref: '#/definitions/api' }],
        description: 'Options of every API that does not set its own.',
      },
      apis,
      api_configs: { ...apis, description: 'OpenResty name of apis.' },
    },
    additionalProperties: false,
    definitions: { api, variable: VARIABLE },
  } satisfies JsonSchema & Record<'properties', Record<keyof typeof fileSchema.shape, JsonSchema>>;
}

function plain(schema: z.ZodType): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  });
  return fromEnvironment(rest);
}

/** Keywords whose values are not schemas. Names of headers and of APIs cannot be variables. */
const LITERAL = new Set(['default', 'required', 'enum', 'const', 'propertyNames']);

/** Allows a variable for every number, boolean and restricted text. */
function fromEnvironment(schema: JsonSchema): JsonSchema {
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, LITERAL.has(key) ? value : within(value, key)]),
  ) as JsonSchema;
  if (!isBound(inner)) return inner;
  const { default: preset, ...rules } = inner;
  return { anyOf: [rules, A_VARIABLE], ...(preset === undefined ? {} : { default: preset }) };
}

/** Whether the schema would refuse a reference to a variable. */
function isBound({ type, enum: values, pattern }: JsonSchema): boolean {
  if (type === 'number' || type === 'integer' || type === 'boolean') return true;
  if (type !== 'string') return false;
  const reference = `\${NAME:-text}`;
  return values !== undefined || (pattern !== undefined && !new RegExp(pattern).test(reference));
}

function within(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map(ofSchema);
  if (key === 'properties' && typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, ofSchema(schema)]));
  }
  return ofSchema(value);
}

const ofSchema = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? fromEnvironment(value as JsonSchema) : value;

/** The block of options of a part, which may stand beside `false`. */
function blockOf(part: JsonSchema | boolean | undefined): JsonSchema | undefined {
  if (typeof part !== 'object') return undefined;
  if (part.properties) return part;
  return part.anyOf?.map(blockOf).find((block) => block !== undefined);
}

/** The file's schemas have no defaults, so that an API does not overwrite `defaults`; editors should show them still. */
function addDefaults(block: JsonSchema | undefined, shape: z.ZodRawShape): void {
  for (const [name, type] of Object.entries(shape)) {
    const property = block?.properties?.[name];
    if (type instanceof z.ZodDefault && typeof property === 'object')
      property.default = type.def.defaultValue;
  }
}
