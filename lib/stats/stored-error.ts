import type { RecentError } from './stats-source.js';

/** A recent error with the name of the path it is listed under. */
export interface StoredError extends RecentError {
  readonly template: string;
}

/** `undefined` for a text that is no stored error. */
export function parseError(text: string): StoredError | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStoredError(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The last of the errors, the newest first; of one path where a template is given. */
export function newestErrors(
  errors: readonly StoredError[],
  limit: number,
  template?: string,
): RecentError[] {
  const newest: RecentError[] = [];
  for (let i = errors.length - 1; i >= 0 && newest.length < limit; i--) {
    const { template: own, ...shown } = errors[i] as StoredError;
    if (template === undefined || own === template) newest.push(shown);
  }
  // What several processes have told in one second came in any order.
  return newest.sort((a, b) => b.time - a.time);
}

function isStoredError(value: unknown): value is StoredError {
  if (typeof value !== 'object' || value === null) return false;
  const { time, status, message, method, path, durationMs, attempts, template, code, requestId } =
    value as Record<string, unknown>;
  return (
    [time, status, durationMs, attempts].every(Number.isFinite) &&
    [message, method, path, template].every((text) => typeof text === 'string') &&
    [code, requestId].every((text) => text === undefined || typeof text === 'string')
  );
}
