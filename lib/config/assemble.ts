import { optionsOf } from '../apis/blocks.js';
import { type ApiOptions, apiName, type ManyApisConfig } from '../apis/options.js';
import type { SortedApis } from '../apis/sorted-apis.js';
import { InvalidOptionError } from '../core/errors.js';
import { joinPath } from '../core/options.js';
import type { MetricsOptions } from '../metrics/metrics-options.js';
import { check, valueAt } from './check-part.js';
import type { Environment, Substituted } from './environment.js';
import { type KnownApi, KnownApis } from './known-apis.js';
import { type PlacedProblem, transcribe } from './openresty-names.js';
import { proxiesFromEnvironment, withProxies } from './proxy-environment.js';
import { type ReadRedis, readRedisBlock, redisFromEnvironment } from './redis-block.js';
import {
  apiSchema,
  fileSchema,
  type GatewaySettings,
  metricsFileSchema,
  redisSchema,
  serverSchema,
  statsFileSchema,
  tracingFileSchema,
} from './schema.js';
import { type ReadApi, readTlsFiles } from './tls-files.js';

/** What a configuration file holds. */
export interface LoadedConfig {
  /** Configuration for `resilientProxy()`. */
  readonly config: ManyApisConfig;
  /** Settings of the gateway: the block `server`. */
  readonly gateway: GatewaySettings;
  /** Options that are valid but have no effect, or a risky one. */
  readonly warnings: readonly string[];
  /** Files that were read as well: secrets, certificates and keys. A change of them takes effect at the next reload. */
  readonly files: readonly string[];
}

/** The configuration of a file and all of its problems. */
export interface Assembled {
  readonly loaded: LoadedConfig;
  /** What the next load may use again. */
  readonly known: KnownApis;
  readonly problems: readonly PlacedProblem[];
}

const NOTHING: ReadApi = { options: {}, problems: [], warnings: [], files: [] };

/** What a file is assembled with. */
export interface AssembleOptions {
  readonly env: Environment;
  readonly folder: string;
  /** The file as it was parsed. */
  readonly raw: unknown;
  /** What is added to the configuration before it is put in service. */
  readonly presets: (config: ManyApisConfig) => ManyApisConfig;
  readonly sorted: SortedApis;
}

/**
 * Checks each part of a file after its variables are substituted, and builds the configuration.
 * @param before the APIs of the last load
 */
export function assemble(
  filled: Substituted,
  { env, folder, raw, presets, sorted }: AssembleOptions,
  before: KnownApis,
): Assembled {
  const shell = check(fileSchema, filled, []);
  const root = valueAt(filled.value, ['apis']) === undefined ? 'api_configs' : 'apis';
  const defaults = readDefaults(filled, folder);
  const server = has(filled, 'server') ? check(serverSchema, filled, ['server']) : NO_SERVER;
  const environment = proxiesFromEnvironment(env);
  const redis = readRedis(filled, env, folder);
  const context = { root, folder, defaults: defaults.options, redis: redis.value !== undefined };
  const isSame = before.sameContext(context);
  const rawOf = (name: string) => valueAt(raw, [root, name]);
  /** An API that need not be checked again. Certificates and keys are in files, which are read each time. */
  const keptApi = (name: string): KnownApi | undefined => {
    const known = isSame && filled.kept.has(name) ? before.sameText(name, rawOf(name)) : undefined;
    return known?.api.files.length === 0 ? known : undefined;
  };
  const known = new Map<string, KnownApi>();
  const sound: string[] = [];
  const options: Record<string, ApiOptions> = {};
  const apiFiles: string[] = [];
  const apiProblems: PlacedProblem[] = [];
  const apis = readApis(filled, root, (name) => {
    const kept = keptApi(name);
    const at = [root, name] as const;
    const api = kept?.api ?? readNamed(filled, at, folder, defaults);
    if (!kept && api.problems.length === 0) sound.push(name);
    known.set(name, kept ?? knownApi(filled, at, rawOf(name), api));
    // All of it was checked by the schema.
    options[name] = api.options as ApiOptions;
    if (api.files.length > 0) apiFiles.push(...api.files);
    if (api.problems.length > 0) apiProblems.push(...api.problems);
    return api;
  });
  const stats = has(filled, 'stats') ? check(statsFileSchema, filled, ['stats']) : NOTHING_SAID;
  const metrics = has(filled, 'metrics') ? check(metricsFileSchema, filled, ['metrics']) : NOTHING_SAID;
  const tracing = has(filled, 'tracing') ? check(tracingFileSchema, filled, ['tracing']) : NOTHING_SAID;
  const { config, warnings } = withProxies(
    {
      ...(redis.value === undefined ? {} : { redis: redis.value }),
      ...(shell.value?.cacheBytes === undefined ? {} : { cacheBytes: shell.value.cacheBytes }),
      ...(shell.value?.requestId === undefined ? {} : { requestId: shell.value.requestId }),
      ...(stats.value === undefined ? {} : { stats: stats.value === true ? {} : stats.value }),
      ...(metrics.value === undefined ? {} : { metrics: metricsOf(metrics.value) }),
      ...(tracing.value === undefined ? {} : { tracing: tracing.value }),
      defaults: defaults.options,
      apis: options,
    },
    // An invalid proxy is reported once, by the variable that holds it.
    environment.problems.length > 0 ? [] : environment.proxies,
    root,
  );
  const files = new Set([...filled.files, ...redis.files, ...defaults.files, ...apiFiles]);
  const problems = [
    ...shell.problems,
    ...(shell.problems.length > 0 ? [] : rootProblems(filled, apis.size)),
    ...server.problems,
    ...redis.problems,
    ...stats.problems,
    ...metrics.problems,
    ...tracing.problems,
    ...environment.problems,
    ...defaults.problems,
    ...apiProblems,
    ...(defaults.problems.length > 0 ? [] : wholeProblems(presets(config), root, sound, sorted)),
  ];
  const unset = filled.problems.map(({ path }) => path);
  return {
    known: new KnownApis(known, context),
    problems: [...filled.problems, ...problems.filter(({ at }) => !unset.includes(joinPath(at)))],
    loaded: {
      config,
      gateway: server.value ?? DEFAULT_SERVER,
      files: [...files],
      warnings: [...defaults.warnings, ...apiWarnings(root, defaults, apis), ...warnings],
    },
  };
}

function knownApi(filled: Substituted, at: readonly string[], raw: unknown, api: ReadApi): KnownApi {
  const visited = { value: valueAt(filled.value, at), shown: valueAt(filled.shown, at) };
  return { raw, visited, lookups: filled.lookupsIn(at), api };
}

const DEFAULT_SERVER = serverSchema.parse({});
const NO_SERVER = { value: DEFAULT_SERVER, problems: [] };
/** As the gateway has them without a block: with the delay of the event loop. */
const metricsOf = (block: MetricsOptions | boolean): MetricsOptions | false =>
  block !== false && { eventLoop: true, ...(block === true ? {} : block) };

const NOTHING_SAID = { value: undefined, problems: [], files: [] };

/** The block `redis`, or the connection that the environment variables describe. */
function readRedis(filled: Substituted, env: Environment, folder: string): ReadRedis {
  if (has(filled, 'redis')) {
    // `${REDIS_URL:-}` where the variable is not set.
    if ([['redis'], ['redis', 'url']].some((at) => valueAt(filled.value, at) === '')) return NOTHING_SAID;
    const { value, problems } = check(redisSchema, filled, ['redis']);
    return value === undefined
      ? { value, problems, files: [] }
      : readRedisBlock(value, { folder, shown: filled.shown });
  }
  const said = redisFromEnvironment(env);
  if (said === undefined) return NOTHING_SAID;
  const { success, data } = redisSchema.safeParse(said);
  if (success) return readRedisBlock(data, { folder, shown: {} });
  const name = env.REDIS_URL ? 'REDIS_URL' : 'REDIS_PORT';
  const rule = env.REDIS_URL ? 'must be a redis: or rediss: URL' : 'must be a port from 1 to 65535';
  return { value: undefined, files: [], problems: [{ at: [name], message: `the variable ${name} ${rule}` }] };
}

const has = (filled: Substituted, key: string) => valueAt(filled.value, [key]) !== undefined;

function rootProblems(filled: Substituted, apis: number): PlacedProblem[] {
  if (has(filled, 'apis') && has(filled, 'api_configs')) {
    return [{ at: ['api_configs'], message: 'api_configs is the OpenResty name for apis; keep one of them' }];
  }
  return apis > 0 ? [] : [{ at: ['apis'], message: 'apis must name at least one API' }];
}

function readDefaults(filled: Substituted, folder: string): ReadApi {
  return has(filled, 'defaults') ? readApi(filled, ['defaults'], folder, NOTHING) : NOTHING;
}

function readApis(
  filled: Substituted,
  root: string,
  read: (name: string) => ReadApi,
): ReadonlyMap<string, ReadApi> {
  const raw = valueAt(filled.value, [root]);
  const names = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? Object.keys(raw) : [];
  return new Map(names.map((name) => [name, read(name)]));
}

function readNamed(
  filled: Substituted,
  place: readonly [root: string, name: string],
  folder: string,
  defaults: ReadApi,
): ReadApi {
  const api = readApi(filled, place, folder, defaults);
  const wrongName = refusalOf(() => apiName(place[1], `apis.${place[1]}`));
  const problems = wrongName ? [{ at: place, message: wrongName.message }] : [];
  return { ...api, problems: [...problems, ...api.problems] };
}

function readApi(filled: Substituted, place: readonly string[], folder: string, defaults: ReadApi): ReadApi {
  const { value, problems } = check(apiSchema, filled, place);
  if (!value) return { ...NOTHING, problems };
  const { retry, cache, proxyRotate } = defaults.options;
  const turnedOn = [...(cache ? ['cache'] : []), ...(proxyRotate ? ['proxyRotate'] : [])];
  const transcribed = transcribe(value, place, { retried: optionsOf(retry).methods, turnedOn });
  return readTlsFiles(transcribed, place, { folder, shown: filled.shown });
}

/** Problems that show only when all options of an API are checked together. */
function wholeProblems(
  config: ManyApisConfig,
  root: string,
  sound: readonly string[],
  sorted: SortedApis,
): PlacedProblem[] {
  const apis: Record<string, ApiOptions> = {};
  for (const name of sound) apis[name] = config.apis[name] as ApiOptions;
  return [...sorted.resolve({ ...config, apis }).apis].flatMap(([name, options]): PlacedProblem[] => {
    const place = `${root}.${name}`;
    if (options.target === undefined && options.router === undefined) {
      return [{ at: [root, name, 'target'], message: `${place}.target is required` }];
    }
    const refusal = refusalOf(() => sorted.sort(name, options, place, config.redis !== undefined));
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

function apiWarnings(root: string, defaults: ReadApi, apis: ReadonlyMap<string, ReadApi>): readonly string[] {
  return [...apis].flatMap(([name, { options, warnings }]) => {
    const unverified = (options.secure ?? defaults.options.secure) === false;
    const insecure = `${root}.${name}.secure is false: the certificate of its target is not verified`;
    return unverified ? [...warnings, insecure] : warnings;
  });
}
