import { type ApiOptions, type ManyApisConfig, resolveConfig, sortOptions } from '../api-options.js';
import { InvalidOptionError } from '../errors.js';
import { joinPath } from '../options.js';
import { check, valueAt } from './check-part.js';
import type { Environment, Substituted } from './environment.js';
import { type PlacedProblem, type Transcribed, transcribe } from './openresty-names.js';
import { mergePending, type Pending, pendingFromEnvironment, pendingWarnings } from './pending.js';
import { apiSchema, fileSchema, type GatewaySettings, serverSchema } from './schema.js';

/** A configuration file, read. */
export interface LoadedConfig {
  /** For `resilientProxy()`. */
  readonly config: ManyApisConfig;
  /** For the gateway around it: the block `server`. */
  readonly gateway: GatewaySettings;
  /** What is accepted and has no effect, or not the one that may be expected. */
  readonly warnings: readonly string[];
  /** APIs whose calls must not go out, since the egress rotation they ask for is not built yet. */
  readonly failClosed: ReadonlySet<string>;
  /** What the file says to parts that are not built yet, in our own names and units. */
  readonly pending: Pending;
}

/** The configuration of a file, with every problem that it has. */
export interface Assembled {
  readonly loaded: LoadedConfig;
  readonly problems: readonly PlacedProblem[];
}

const NOTHING: Transcribed = { options: {}, pending: {}, problems: [], warnings: [] };

/** Checks every part of a file whose variables are filled in, and builds the configuration from them. */
export function assemble(filled: Substituted, env: Environment): Assembled {
  const shell = check(fileSchema, filled, []);
  const root = valueAt(filled.value, ['apis']) === undefined ? 'api_configs' : 'apis';
  const defaults = readDefaults(filled);
  const apis = readApis(filled, root, defaults);
  const server = has(filled, 'server') ? check(serverSchema, filled, ['server']) : NO_SERVER;
  const config = {
    defaults: defaults.options,
    apis: Object.fromEntries([...apis].map(([name, { options }]) => [name, options as ApiOptions])),
  };
  const sound = [...apis].filter(([, api]) => api.problems.length === 0).map(([name]) => name);
  const problems = [
    ...shell.problems,
    ...(shell.problems.length > 0 ? [] : rootProblems(filled, apis.size)),
    ...server.problems,
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
      ...aboutPending(filled, env, root, defaults, apis),
    },
  };
}

const DEFAULT_SERVER = serverSchema.parse({});
const NO_SERVER = { value: DEFAULT_SERVER, problems: [] };

const has = (filled: Substituted, key: string) => valueAt(filled.value, [key]) !== undefined;

function rootProblems(filled: Substituted, apis: number): PlacedProblem[] {
  if (has(filled, 'apis') && has(filled, 'api_configs')) {
    return [{ at: ['api_configs'], message: 'api_configs says the same as apis; keep one of them' }];
  }
  return apis > 0 ? [] : [{ at: ['apis'], message: 'apis must name at least one API' }];
}

function readDefaults(filled: Substituted): Transcribed {
  return has(filled, 'defaults') ? readApi(filled, ['defaults'], NOTHING) : NOTHING;
}

function readApis(filled: Substituted, root: string, defaults: Transcribed): Map<string, Transcribed> {
  const raw = valueAt(filled.value, [root]);
  const names = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? Object.keys(raw) : [];
  return new Map(
    names.map((name) => {
      const api = readApi(filled, [root, name], defaults);
      const wrongName = refusalOf(() => resolveConfig({ apis: { [name]: {} } }));
      const problems = wrongName ? [{ at: [root, name], message: wrongName.message }] : [];
      return [name, { ...api, problems: [...problems, ...api.problems] }];
    }),
  );
}

function readApi(filled: Substituted, place: readonly string[], defaults: Transcribed): Transcribed {
  const { value, problems } = check(apiSchema, filled, place);
  if (!value) return { ...NOTHING, problems };
  const { retry, cache } = defaults.options;
  const turnedOn = [...(cache ? ['cache'] : []), ...Object.keys(defaults.pending)];
  return transcribe(value, place, { retried: retry ? retry.methods : undefined, turnedOn });
}

/** Problems that only the options of an API together have. */
function wholeProblems(config: ManyApisConfig, root: string, sound: readonly string[]): PlacedProblem[] {
  const names = Object.fromEntries(Object.entries(config.apis).filter(([name]) => sound.includes(name)));
  return [...resolveConfig({ ...config, apis: names }).apis].flatMap(([name, options]): PlacedProblem[] => {
    const place = `${root}.${name}`;
    if (options.target === undefined) {
      return [{ at: [root, name, 'target'], message: `${place}.target is required` }];
    }
    const refusal = refusalOf(() => sortOptions(place, options));
    if (!refusal) return [];
    const at = [root, name, ...refusal.path.slice(place.length + 1).split('.')];
    // The value may have come from the environment.
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

function aboutPending(
  filled: Substituted,
  env: Environment,
  root: string,
  defaults: Transcribed,
  apis: ReadonlyMap<string, Transcribed>,
): Pick<LoadedConfig, 'warnings' | 'failClosed' | 'pending'> {
  const { redis, proxies, warnings: unused } = pendingFromEnvironment(env);
  const block = valueAt(filled.value, ['redis']);
  const told = [...apis].map(([name, { options, pending, warnings }]) => {
    const place = `${root}.${name}`;
    const blocks = mergePending(defaults.pending, pending);
    const { failsClosed, warnings: about } = pendingWarnings(place, blocks);
    const unverified = (options.secure ?? defaults.options.secure) === false;
    const insecure = unverified
      ? [`${place}.secure is false: the certificate of its target is not verified`]
      : [];
    return { name, blocks, failsClosed, warnings: [...warnings, ...about, ...insecure] };
  });
  return {
    warnings: [
      ...defaults.warnings,
      ...told.flatMap(({ warnings }) => warnings),
      ...(block === undefined ? [] : ['redis is not built yet and has no effect']),
      ...unused,
    ],
    failClosed: new Set(told.filter(({ failsClosed }) => failsClosed).map(({ name }) => name)),
    pending: {
      apis: Object.fromEntries(told.map(({ name, blocks }) => [name, blocks])),
      redis: block ?? redis,
      proxies,
    },
  };
}
