import type { ManyApisConfig } from '../apis/options.js';
import { proxyAddress } from '../proxy-rotate/proxy-address.js';
import type { Environment } from './environment.js';
import type { PlacedProblem } from './openresty-names.js';

/** Forward proxies of the variables PROXY_URLS, with `;` between them, and PROXY_URL. */
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
 * Gives the proxies of the environment to every API that rotates and names none of its own.
 * @returns the configuration, and what to tell about APIs that are left without any
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
    const merged = { ...(defaults.proxyRotate || {}), ...own };
    if ((merged.proxies ?? []).length > 0 || merged.strategy === 'never') continue;
    if (proxies.length > 0) {
      apis[name] = { ...options, proxyRotate: { ...merged, proxies: [...proxies] } };
    } else if (merged.fallback !== 'direct') {
      warnings.push(
        `${root}.${name}.proxyRotate has no proxies: calls are answered 503 ERR_NO_PROXY, for none may go out directly; ` +
          'set PROXY_URLS, or its proxies',
      );
    }
  }
  return { config: { ...config, apis }, warnings };
}
