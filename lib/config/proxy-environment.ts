import { optionsOf } from '../apis/blocks.js';
import type { ManyApisConfig } from '../apis/options.js';
import { proxyAddress } from '../proxy-rotate/proxy-address.js';
import type { Environment } from './environment.js';
import type { PlacedProblem } from './openresty-names.js';

/** Egress proxies from the variable PROXY_URLS, separated by `;`, or else from PROXY_URL. */
export function proxiesFromEnvironment(env: Environment): {
  readonly proxies: string[];
  readonly problems: readonly PlacedProblem[];
} {
  const name = env.PROXY_URLS ? 'PROXY_URLS' : 'PROXY_URL';
  const proxies = (env[name] ?? '')
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const problems = proxies.flatMap((url, index): PlacedProblem[] => {
    const rule = proxyAddress(url);
    if (typeof rule !== 'string') return [];
    return [{ at: [name, index], message: `entry ${index + 1} of the variable ${name} ${rule}` }];
  });
  return { proxies, problems };
}

/**
 * Gives the egress proxies of the environment to every API that uses `proxyRotate` without a list of its own.
 * @returns the configuration, and warnings about APIs that have no proxy
 */
export function withProxies(
  config: ManyApisConfig,
  proxies: readonly string[],
  root: string,
): { readonly config: ManyApisConfig; readonly warnings: string[] } {
  const { defaults = {} } = config;
  const warnings: string[] = [];
  const apis = { ...config.apis };
  for (const [name, options] of Object.entries(apis)) {
    const own = options.proxyRotate ?? defaults.proxyRotate;
    if (!own) continue;
    const merged = { ...optionsOf(defaults.proxyRotate), ...optionsOf(own) };
    const { proxies: given = [] } = merged;
    if (merged.env || !Array.isArray(given) || given.length > 0 || merged.strategy === 'never') continue;
    if (proxies.length > 0) {
      apis[name] = { ...options, proxyRotate: { ...merged, proxies: [...proxies] } };
    } else if (merged.fallback !== 'direct') {
      warnings.push(
        `${root}.${name}.proxyRotate has no proxies: every request gets 503 ERR_NO_PROXY, since direct connections are not allowed; ` +
          'set PROXY_URLS or proxyRotate.proxies',
      );
    }
  }
  return { config: { ...config, apis }, warnings };
}
