import type { z } from 'zod';
import { type ApiOptions, type ManyApisConfig, resolveConfig } from '../apis/options.js';
import { sortOptions } from '../apis/sort-options.js';
import { InvalidOptionError } from '../core/errors.js';
import { joinPath } from '../core/options.js';
import { type Checked, check, valueAt } from './check-part.js';
import type { Environment, Substituted } from './environment.js';
import { type PlacedProblem, type Transcribed, transcribe } from './openresty-names.js';
import { proxiesFromEnvironment, withProxies } from './proxy-environment.js';
import { redisConnectionOf, redisFromEnvironment } from './redis-block.js';
import {
  apiSchema,
  fileSchema,
  type GatewaySettings,
  redisSchema,
  serverSchema,
  statsFileSchema,
} from './schema.js';
import { readTlsFiles } from './tls-files.js';

/** What a configuration file holds. */
export interface LoadedConfig {
  /** Configuration for `resilientProxy()`. */
  readonly config: ManyApisConfig;
  /** Settings of the gateway: the block `server`. */
  readonly gateway: GatewaySettings;
  /** Options that are valid but have no effect, or a risky one. */
  readonly warnings: readonly string[];
}

/** The configuration of a file and all of its problems. */
export interface Assembled {
  readonly loaded: LoadedConfig;
  readonly problems: readonly PlacedProblem[];
}

const NOTHING: Transcribed = { options: {}, problems: [], warnings: [] };

/** Checks each part of a file after its variables are substituted, and builds the configuration. */
export function assemble(
  filled: Substituted,
  { env, folder }: { env: Environment; folder: string },
): Assembled {
  const shell = check(fileSchema, filled, []);
  const root = valueAt(filled.value, ['apis']) === undefined ? 'api_configs' : 'apis';
  const defaults = readDefaults(filled, folder);
  const apis = readApis(filled, root, folder, defaults);
  const server = has(filled, 'server') ? check(serverSchema, filled, ['server']) : NO_SERVER;
  const environment = proxiesFromEnvironment(env);
  const redis = readRedis(filled, env);
  const stats = has(filled, 'stats') ? check(statsFileSchema, filled, ['stats']) : NOTHING_SAID;
  const { config, warnings } = withProxies(
    {
      ...(redis.value === undefined ? {} : { redis: redisConnectionOf(redis.value) }),
      ...(shell.value?.cacheBytes === undefined ? {} : { cacheBytes: shell.value.cacheBytes }),
      ...(stats.value === undefined ? {} : { stats: stats.value === true ? {} : stats.value }),
      defaults: defaults.options,
      apis: Object.fromEntries([...apis].map(([name, { options }]) => [name, options as ApiOptions])),
    },
    // An invalid proxy is reported once, by the variable that holds it.
    environment.problems.length > 0 ? [] : environment.proxies,
    root,
  );
  const sound = [...apis].filter(([, api]) => api.problems.length === 0).map(([name]) => name);
  const problems = [
    ...shell.problems,
    ...(shell.problems.length > 0 ? [] : rootProblems(filled, apis.size)),
    ...server.problems,
    ...redis.problems,
    ...stats.problems,
    ...environment.problems,
    ...defaults.problems,
    ...[...apis.values()].flatMap((api) => api.problems),
    ...(defaults.problems.length > 0 ? [] : wholeProblems(config, root, sound)),
  ];
  const unset = filled.problems.map(({ path }) => path);
  return {
    problems: [...filled.problems, ...problems.filter(({ at }) => !unset.includes(joinPath(at)))],
    loaded: {
      config,
      gateway: server.value ?? DEFAULT_SERVER,
      warnings: [...defaults.warnings, ...apiWarnings(root, defaults, apis), ...warnings],
    },
  };
}

const DEFAULT_SERVER = serverSchema.parse({});
const NO_SERVER = { value: DEFAULT_SERVER, problems: [] };
const NOTHING_SAID = { value: undefined, problems: [] };

/** The block `redis`, or the connection that the environment variables describe. */
function readRedis(filled: Substituted, env: Environment): Checked<z.output<typeof redisSchema> | undefined> {
  if (has(filled, 'redis')) return check(redisSchema, filled, ['redis']);
  const said = redisFromEnvironment(env);
  if (said === undefined) return NOTHING_SAID;
  const { success, data } = redisSchema.safeParse(said);
  if (success) return { value: data, problems: [] };
  const name = env.REDIS_URL ? 'REDIS_URL' : 'REDIS_PORT';
  const rule = env.REDIS_URL ? 'must be a redis: or rediss: URL' : 'must be a port from 1 to 65535';
  return { value: undefined, problems: [{ at: [name], message: `the variable ${name} ${rule}` }] };
}

const has = (filled: Substituted, key: string) => valueAt(filled.value, [key]) !== undefined;

function rootProblems(filled: Substituted, apis: number): PlacedProblem[] {
  if (has(filled, 'apis') && has(filled, 'api_configs')) {
    return [{ at: ['api_configs'], message: 'api_configs is the OpenResty name for apis; keep one of them' }];
  }
  return apis > 0 ? [] : [{ at: ['apis'], message: 'apis must name at least one API' }];
}

function readDefaults(filled: Substituted, folder: string): Transcribed {
  return has(filled, 'defaults') ? readApi(filled, ['defaults'], folder, NOTHING) : NOTHING;
}

function readApis(
  filled: Substituted,
  root: string,
  folder: string,
  defaults: Transcribed,
): Map<string, Transcribed> {
  const raw = valueAt(filled.value, [root]);
  const names = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? Object.keys(raw) : [];
  return new Map(
    names.map((name) => {
      const api = readApi(filled, [root, name], folder, defaults);
      const wrongName = refusalOf(() => resolveConfig({ apis: { [name]: {} } }));
      const problems = wrongName ? [{ at: [root, name], message: wrongName.message }] : [];
      return [name, { ...api, problems: [...problems, ...api.problems] }];
    }),
  );
}

function readApi(
  filled: Substituted,
  place: readonly string[],
  folder: string,
  defaults: Transcribed,
): Transcribed {
  const { value, problems } = check(apiSchema, filled, place);
  if (!value) return { ...NOTHING, problems };
  const { retry, cache, proxyRotate } = defaults.options;
  const turnedOn = [...(cache ? ['cache'] : []), ...(proxyRotate ? ['proxyRotate'] : [])];
  const transcribed = transcribe(value, place, { retried: retry ? retry.methods : undefined, turnedOn });
  return readTlsFiles(transcribed, place, { folder, shown: filled.shown });
}

/** Problems that show only when all options of an API are checked together. */
function wholeProblems(config: ManyApisConfig, root: string, sound: readonly string[]): PlacedProblem[] {
  const names = Object.fromEntries(Object.entries(config.apis).filter(([name]) => sound.includes(name)));
  return [...resolveConfig({ ...config, apis: names }).apis].flatMap(([name, options]): PlacedProblem[] => {
    const place = `${root}.${name}`;
    if (options.target === undefined && options.router === undefined) {
      return [{ at: [root, name, 'target'], message: `${place}.target is required` }];
    }
    const refusal = refusalOf(() => sortOptions(place, options));
    if (!refusal) return [];
    const at = [root, name, ...refusal.path.slice(place.length + 1).split('.')];
    // Without the value, which may come from the environment.
    return [{ at, message: refusal.message.replace(/; received .*$/s, '') }];
  });
}

function refusalOf(build: () => unknown): InvalidOptionError | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
}

function apiWarnings(
  root: string,
  defaults: Transcribed,
  apis: ReadonlyMap<string, Transcribed>,
): readonly string[] {
  return [...apis].flatMap(([name, { options, warnings }]) => {
    const unverified = (options.secure ?? defaults.options.secure) === false;
    const insecure = `${root}.${name}.secure is false: the certificate of its target is not verified`;
    return unverified ? [...warnings, insecure] : warnings;
  });
}
