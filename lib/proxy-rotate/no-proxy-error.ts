import { ProxyError } from '../core/errors.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane } from './lanes.js';
import type { Found } from './strategies.js';

/** Egress proxies that a message names at most. */
const MAX_NAMED = 5;

/** `Retry-After` if nobody knows when a proxy will be available. */
const SOON_MS = 1000;

/** Milliseconds after which a call may find a proxy. */
export function retryAfter({ onProbe, isBusy, coolsDownUntil }: Found, now: number): number {
  const untilMs = coolsDownUntil - now;
  return onProbe || isBusy || !Number.isFinite(untilMs) ? SOON_MS : Math.max(SOON_MS, untilMs);
}

/** What no egress proxy was found in. */
export interface Exhausted {
  readonly api: string;
  readonly proxies: readonly EgressProxy[];
  /** They come from a file or a URL. */
  readonly hasList: boolean;
  /** They come from variables of the environment, which are for targets of one scheme. */
  readonly env: boolean;
  readonly lane: Lane;
  /** Names of proxies that have failed for the call. */
  readonly tried: ReadonlySet<string>;
  /** What the call is sticky by. */
  readonly key: string | undefined;
  /** When the first cool-down ends; `Infinity` if there is none. */
  readonly coolsDownUntil: number;
  readonly now: number;
}

/**
 * The error of a call for which no egress proxy is left. The state of each is in its `cause`, for the log: clients are
 * not to learn the names of the proxies.
 */
export function noProxyError(exhausted: Exhausted, retryAfterMs: number): ProxyError {
  const { hasList, env, lane } = exhausted;
  const proxies = exhausted.proxies.filter((proxy) => proxy.isFor(lane));
  if (proxies.length === 0 && !hasList) {
    const scheme = lane.encrypted ? 'https' : 'http';
    const message = env
      ? `No egress proxy is configured for ${scheme} targets; set ${scheme.toUpperCase()}_PROXY or ALL_PROXY`
      : 'No egress proxy is configured; set proxyRotate.proxies or PROXY_URLS';
    return new ProxyError('ERR_NO_PROXY', message, { retryAfterMs });
  }
  const cause = new Error(describeProxies({ ...exhausted, proxies }));
  return new ProxyError('ERR_NO_PROXY', 'No egress proxy can be used now', { retryAfterMs, cause });
}

function describeProxies({ api, proxies, lane, tried, key, coolsDownUntil, now }: Exhausted): string {
  if (proxies.length === 0) return `The list of egress proxies of "${api}" has none that can be used`;
  const reasons = proxies.map((proxy) => coolingDown(proxy, lane, now));
  const isBusy = proxies.slice(0, MAX_NAMED).map((proxy) => proxy.isBusy(key, now));
  const states = proxies.slice(0, MAX_NAMED).map(({ name }, i) => {
    return `${name}: ${reasons[i] ?? (tried.has(name) ? 'failed for this call' : isBusy[i] ? 'busy' : 'being probed')}`;
  });
  if (proxies.length > MAX_NAMED) states.push(`and ${proxies.length - MAX_NAMED} more`);
  const summary = reasons.includes(undefined)
    ? `No egress proxy of "${api}" can be used`
    : proxies.length === 1
      ? `The only egress proxy of "${api}" is cooling down`
      : `All ${proxies.length} egress proxies of "${api}" are cooling down`;
  if (!Number.isFinite(coolsDownUntil)) return `${summary} (${states.join(', ')})`;
  const seconds = Math.max(1, Math.ceil((coolsDownUntil - now) / 1000));
  return `${summary} (${states.join(', ')}); next probe in ${seconds} s`;
}

/** Why a proxy is cooling down, for all targets or for this one; `undefined` if it is not. */
function coolingDown(proxy: EgressProxy, lane: Lane, now: number): string | undefined {
  for (const cooldown of [proxy.cooldown, lane.cooldowns.get(proxy)]) {
    if (cooldown?.state(now) === 'cooling-down') return cooldown.reason ?? 'unknown';
  }
  return undefined;
}
