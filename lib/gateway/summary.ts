import { type ApiOptions, resolveConfig } from '../apis/options.js';
import type { LoadedConfig } from '../config/load-config.js';

function kept(cache: ApiOptions['cache']): string {
  if (!cache) return '';
  if (cache.mode === 'standard') return ', cached as its responses allow';
  return `, cached for ${(cache.ttlMs ?? 60_000) / 1000} s`;
}

/** What `--check` prints about a configuration that is valid. */
export function summary(source: string, { config, warnings }: LoadedConfig): string {
  const apis = [...resolveConfig(config).apis];
  const width = Math.max(...apis.map(([name]) => name.length));
  const lines = apis.map(([name, { target, retry, breaker, cache }]) => {
    const attempts = retry === false ? 'no retry' : `${retry?.maxAttempts ?? 3} attempts`;
    const circuit =
      breaker === false ? 'no breaker' : `opens after ${breaker?.failureThreshold ?? 5} failures`;
    // The path may have come from the environment and hold a key.
    return `  ${name.padEnd(width)}  ${new URL(String(target)).origin}  (${attempts}, ${circuit}${kept(cache)})`;
  });
  const warned = warnings.map((warning) => `warning: ${warning}`);
  return [
    `${source} is valid: ${apis.length} API${apis.length === 1 ? '' : 's'}`,
    ...lines,
    ...warned,
    '',
  ].join('\n');
}
