import { optionsOf } from '../apis/blocks.js';
import { type ApiOptions, resolveConfig } from '../apis/options.js';
import type { LoadedConfig } from '../config/load-config.js';
import { workerNotes } from './worker-notes.js';

function kept(cache: ApiOptions['cache']): string {
  if (!cache) return '';
  const { mode, ttlMs = 60_000 } = optionsOf(cache);
  if (mode === 'standard') return ', cached as its responses allow';
  return `, cached for ${ttlMs / 1000} s`;
}

const inSeconds = (windowMs: number) => `in ${windowMs / 1000} s`;

/** The limits that an API's calls will keep. */
function obeyed(rateLimit: ApiOptions['rateLimit']): string {
  if (!rateLimit) return '';
  const { limit, windowMs = 60_000, burst, limits = [], learn = true } = optionsOf(rateLimit);
  const found: string[] = [];
  if (limit !== undefined) found.push(`${limit} requests ${inSeconds(windowMs)}`);
  if (burst) found.push(`a burst of ${burst.limit} ${inSeconds(burst.windowMs)}`);
  for (const { limit: most, windowMs: length, unit = 'requests' } of limits)
    found.push(`${most} ${unit} ${inSeconds(length)}`);
  if (learn) found.push('the limits that responses advertise');
  const last = found.pop() ?? '';
  return `, obeys ${found.length > 0 ? `${found.join(', ')} and ` : ''}${last}`;
}

/**
 * What `--check` prints about a configuration that is valid.
 * @param workers how many processes are to serve; `undefined` for one alone
 */
export function summary(source: string, { config, warnings }: LoadedConfig, workers?: number): string {
  const apis = [...resolveConfig(config).apis];
  const width = Math.max(...apis.map(([name]) => name.length));
  const lines = apis.map(([name, { target, retry, breaker, cache, rateLimit }]) => {
    const { maxAttempts = 3 } = optionsOf(retry);
    const { failureThreshold = 5 } = optionsOf(breaker);
    const attempts = retry === false ? 'no retry' : `${maxAttempts} attempts`;
    const circuit = breaker === false ? 'no breaker' : `opens after ${failureThreshold} failures`;
    // The path may have come from the environment and hold a key.
    return `  ${name.padEnd(width)}  ${new URL(String(target)).origin}  (${attempts}, ${circuit}${kept(cache)}${obeyed(rateLimit)})`;
  });
  const warned = warnings.map((warning) => `warning: ${warning}`);
  const shared = config.redis === undefined ? 'the primary process' : 'Redis and the primary process';
  const held = 'circuits, limits and statistics are kept for all of them by';
  const served =
    workers === undefined ? [] : [`${workers} worker${workers === 1 ? '' : 's'}: ${held} ${shared}`];
  const notes =
    workers === undefined ? [] : workerNotes(config, workers).map((text) => `  not shared: ${text}`);
  return [
    `${source} is valid: ${apis.length} API${apis.length === 1 ? '' : 's'}`,
    ...lines,
    ...served,
    ...notes,
    ...warned,
    '',
  ].join('\n');
}
