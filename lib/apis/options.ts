import { InvalidOptionError, invalidOption } from '../core/errors.js';
import { unknownName } from '../core/unknown-name.js';
import type { ExplainOptions } from '../explain/explain-options.js';
import type { SloOptions } from '../stats/slo/slo-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { blockMeant } from './blocks.js';
import { ALL_PARTS, type PartBlocks } from './part-list.js';
import { ROOT_PLACES } from './places.js';
import { type ResolvedShared, resolveShared, SHARED_OPTIONS, type SharedOptions } from './shared-options.js';
import type { OwnStage } from './stages.js';

/**
 * One API of `resilientProxy()`. All options of {@link ForwardOptions} apply too; listed here are those with another
 * default, and the blocks of the parts.
 */
export interface ApiOptions extends ForwardOptions, PartBlocks {
  /**
   * Refuses requests without a body: 400 ERR_BODY_REQUIRED.
   * @default false
   */
  requiresBody?: boolean | undefined;
  /**
   * Refuses request bodies that are not JSON: 400 ERR_INVALID_JSON, without a request to the target.
   * @default the value of `requiresBody`
   */
  validateJson?: boolean | undefined;
  /**
   * Largest body that `validateJson` reads; a larger one is 413 ERR_BODY_TOO_LARGE. Other bodies stream through at
   * any size.
   * @default 1048576
   */
  maxBodyBytes?: number | undefined;
  /**
   * Whether the client's `Cookie` reaches the target and the target's `Set-Cookie` reaches the client. Off, so that
   * your session cookie is not sent to a third party.
   * @default false
   */
  forwardCookies?: boolean | undefined;
  /**
   * Sends the target's name as `Host`, not the one that the client requested.
   * @default true
   */
  changeOrigin?: boolean | undefined;
  /**
   * Forwards TRACE, which is 405 ERR_METHOD_NOT_ALLOWED otherwise. It is sent without `headers`, `auth` and whatever
   * else is added to a request, since the target returns to the client what it receives; with `proxyRotate` it is
   * always refused.
   * @default false
   */
  traceMethod?: boolean | undefined;
  /**
   * Changes `Location`, `Content-Location`, `Link` and `Refresh` headers that lead to the target, so that they lead
   * through the proxy: below the path at which the client has found it. They are paths then; a `Link` that was a URL stays
   * one, by the `Host` that the client has called, or by `X-Forwarded-Host` and `X-Forwarded-Proto` of a proxy in front.
   * Turn it off where clients call the target itself, or where the target knows the proxy's path.
   * @default true
   */
  rewriteLocation?: boolean | undefined;
  /**
   * Time limit for the target, from the last byte of the request to the response's headers; `0` leaves it to the
   * breaker's. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Neither the wait for a connection nor the client's upload
   * counts. Of this and `breaker.requestTimeoutMs` the smaller one holds; where only one is set, that one.
   * @default 10000
   */
  requestTimeoutMs?: number | undefined;
  /**
   * Accepts WebSockets without further wiring: from the first request on it listens to that request's server. An
   * upgrade that is a server's first request is missed; `server.on('upgrade', proxy.upgrade)` misses none and does
   * not need this option. The gateway does not need it either.
   * @default false
   */
  ws?: boolean | undefined;
  /**
   * Service level objective: the share of good calls, and the latency that a good one keeps to. Statistics, metrics and the
   * page say how the API does by it, and how fast it uses up its error budget.
   * @default off
   */
  slo?: SloOptions | false | undefined;
  /**
   * Adds `Server-Timing` and `Proxy-Status` to responses: `true`, or options. Clients can then see attempts, errors and
   * timings.
   * @default false
   */
  explain?: boolean | ExplainOptions | undefined;
  /**
   * Stages of your own among these, each after or before one of them, in code only. A stage sees every call that comes
   * to its place, and the handshakes of WebSockets. Behind `cache` it sees what the cache requests, in the background
   * too.
   * @default []
   */
  stages?: readonly OwnStage[] | undefined;
}

/** A configuration of one API: its options beside its name. */
export interface SingleApiConfig<Name extends string = string, Off = false>
  extends ApiOptions,
    SharedOptions<Off> {
  /** Name of the API in errors, events, circuits and statistics: letters, digits, `-`, `_`, `.` and `~`. */
  name: Name;
  /** Only in a configuration of many APIs. */
  apis?: never;
  /** Only in a configuration of many APIs. */
  defaults?: never;
}

type NoneOf<T> = { [K in keyof T]?: never };

/** A configuration of many APIs, each under the first segment of the path. */
export interface ManyApisConfig<Name extends string = string, Off = false>
  extends SharedOptions<Off>,
    NoneOf<ApiOptions & { name: string }> {
  /** Options of each API under its name; `/github/users` is the path `/users` of the API `github`. */
  apis: Readonly<Record<Name, ApiOptions>>;
  /** Options of every API that does not set its own. The parts' blocks are merged option by option. */
  defaults?: Partial<ApiOptions> | undefined;
}

/** What `resilientProxy()` takes: one API, or many. */
export type ResilientProxyConfig<Name extends string = string, Off = false> =
  | SingleApiConfig<Name, Off>
  | ManyApisConfig<Name, Off>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/;

/** A configuration whose APIs have their defaults merged in. */
export interface ResolvedConfig {
  /** It is one API, that no path has to name. */
  readonly single: boolean;
  readonly apis: ReadonlyMap<string, ApiOptions>;
  readonly shared: ResolvedShared;
}

/**
 * The APIs of a configuration with their defaults merged in.
 * @param merge merges the defaults into the options of an API
 * @throws InvalidOptionError
 */
export function resolveConfig(
  config: ResilientProxyConfig,
  merge: (defaults: Partial<ApiOptions>, options: ApiOptions, name: string) => ApiOptions = mergeDefaults,
): ResolvedConfig {
  if (typeof config !== 'object' || config === null)
    throw invalidOption('config', 'must be an object', config);
  if (!hasMany(config)) {
    const { name, redis, cacheBytes, stats, metrics, tracing, requestId, mount, ...options } = config;
    if (name === undefined) {
      throw new InvalidOptionError(
        'name',
        'resilientProxy() needs "apis", or "name" and "target" of a single API; received neither "apis" nor "name"',
      );
    }
    const shared = resolveShared({ redis, cacheBytes, stats, metrics, tracing, requestId, mount });
    return { single: true, apis: new Map([[apiName(name, 'name'), options]]), shared };
  }
  const { apis, defaults = {}, ...rest } = config;
  const known: readonly string[] = ['apis', 'defaults', ...SHARED_OPTIONS];
  const stray = Object.keys(rest).find((key) => !known.includes(key));
  if (stray !== undefined) {
    const rule = unknownName(stray, { owner: '', known, places: ROOT_PLACES });
    throw new InvalidOptionError(stray, `${stray} ${rule}`);
  }
  const shared = resolveShared(rest);
  if (typeof apis !== 'object' || apis === null) throw invalidOption('apis', 'must be an object', apis);
  if (Array.isArray(apis)) throw invalidOption('apis', 'must be an object, { name: { target, … } }', apis);
  const entries = Object.entries(apis).map(([name, options]): [string, ApiOptions] => {
    const place = `apis.${name}`;
    apiName(name, place);
    if (typeof options !== 'object' || options === null)
      throw invalidOption(place, 'must be an object', options);
    return [name, merge(defaults, options, name)];
  });
  return { single: false, apis: new Map(entries), shared };
}

// What is never given tells TypeScript nothing apart.
const hasMany = (config: ResilientProxyConfig): config is ManyApisConfig => 'apis' in config;

/** Checks the name of an API. @throws InvalidOptionError */
export function apiName(name: unknown, place: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw invalidOption(
    place,
    'must be a name of letters, digits, "-", "_", "." and "~" that begins with a letter or a digit',
    name,
  );
}

/** What has a block of options. */
const BLOCKS = [
  ...ALL_PARTS.flatMap(({ name, options }) => (options ? [{ name, words: options.words }] : [])),
  { name: 'slo', words: undefined },
];

/** The options of an API, and of `defaults` what it does not say itself. */
export function mergeDefaults(defaults: Partial<ApiOptions>, options: ApiOptions): ApiOptions {
  const merged: ApiOptions = { ...defaults, ...options };
  for (const { name, words } of BLOCKS) {
    const own = blockMeant(words, Reflect.get(options, name));
    const common = blockMeant(words, Reflect.get(defaults, name));
    if (own === undefined && common === undefined) continue;
    const block = isBlock(own) && isBlock(common) ? { ...common, ...own } : (own ?? common);
    Reflect.set(merged, name, block);
  }
  if (options.explain === undefined && defaults.explain !== undefined) merged.explain = defaults.explain;
  return merged;
}

const isBlock = (value: unknown): value is object => typeof value === 'object' && value !== null;
