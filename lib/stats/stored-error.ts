import type { RecentError } from './stats-source.js';

/** A recent error with the name of the path it is listed under. */
export interface StoredError extends RecentError {
  readonly template: string;
}

/** Parses a stored error; `undefined` for any other text. */
export function parseError(text: string): StoredError | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStoredError(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The latest errors, newest first; those of one path where a template is given. */
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
  // Several processes may have added their errors in any order.
  return newest.sort((a, b) => b.time - a.time);
}

function isStoredError(value: unknown): value is StoredError {
  if (typeof value !== 'object' || value === null) return false;
  const { time, status, message, method, path, durationMs, attempts, template, code, by, requestId } =
    value as Record<string, unknown>;
  return (
    [time, status, durationMs, attempts].every(Number.isFinite) &&
    [message, method, path, template].every((text) => typeof text === 'string') &&
    [code, by, requestId].every((text) => text === undefined || typeof text === 'string')
  );
}
