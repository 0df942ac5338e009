import { z } from 'zod';
import { breakerFileShape } from '../breaker/breaker-options.js';
import { cacheFileShape } from '../cache/cache-options.js';
import { explainSchema } from '../explain/explain-options.js';
import { proxyRotateFileShape } from '../proxy-rotate/proxy-rotate-options.js';
import { rateLimitFileShape } from '../rate-limit/rate-limit-options.js';
import { retrySchema } from '../retry/retry-options.js';
import { statsFileShape } from '../stats/stats-options.js';
import { apiSchema, type fileSchema, redisSchema, serverSchema, statsFileSchema } from './schema.js';

/** A JSON Schema (draft 7, which editors know best), or a part of one. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Whatever is not free text may come from the environment, and is a reference until then. */
const VARIABLE: JsonSchema = { type: 'string', pattern: '\\$\\{' };
const A_VARIABLE: JsonSchema = { $ref: '#/definitions/variable' };

/**
 * The schema of a configuration file, by which editors complete and check it. It is more lenient than the loader, which
 * also knows rules between options and the environment's values. Descriptions are added where it is written:
 * npm run schema.
 */
export function configJsonSchema(): JsonSchema {
  const api = plain(apiSchema);
  const filled = {
    explain: explainSchema.shape,
    breaker: breakerFileShape,
    retry: retrySchema.shape,
    cache: cacheFileShape,
    rateLimit: rateLimitFileShape,
    proxyRotate: proxyRotateFileShape,
  };
  for (const [name, shape] of Object.entries(filled)) addDefaults(blockOf(api.properties?.[name]), shape);
  const stats = plain(statsFileSchema);
  addDefaults(blockOf(stats), statsFileShape);
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
      server: { ...plain(serverSchema), description: 'How the gateway itself runs.' },
      redis: {
        ...plain(redisSchema),
        description: 'Redis, for state that processes share: a URL or options.',
      },
      stats: { ...stats, description: 'Statistics: options, or false to turn them off.' },
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

/** What holds no schemas; names of headers and of APIs come from no variable. */
const LITERAL = new Set(['default', 'required', 'enum', 'const', 'propertyNames']);

/** Lets every number, switch and text of a certain form be said by a variable too. */
function fromEnvironment(schema: JsonSchema): JsonSchema {
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, LITERAL.has(key) ? value : within(value, key)]),
  ) as JsonSchema;
  if (!isBound(inner)) return inner;
  const { default: preset, ...rules } = inner;
  return { anyOf: [rules, A_VARIABLE], ...(preset === undefined ? {} : { default: preset }) };
}

/** Whether a reference to a variable would be refused. */
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

/** The block of options of a part, beside the `false` that turns it off. */
function blockOf(part: JsonSchema | boolean | undefined): JsonSchema | undefined {
  if (typeof part !== 'object') return undefined;
  if (part.properties) return part;
  return part.anyOf?.map(blockOf).find((block) => block !== undefined);
}

/** A file fills in no default, so that one level does not overwrite another: an editor may show them all the same. */
function addDefaults(block: JsonSchema | undefined, shape: z.ZodRawShape): void {
  for (const [name, type] of Object.entries(shape)) {
    const property = block?.properties?.[name];
    if (type instanceof z.ZodDefault && typeof property === 'object')
      property.default = type.def.defaultValue;
  }
}
