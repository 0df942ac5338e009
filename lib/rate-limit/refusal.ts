import { ProxyError } from '../core/errors.js';

/** Why a call may not go now. */
export interface Refusal {
  readonly by: 'quota' | 'advertised';
  /** Until it may, as far as is known. */
  readonly waitMs: number;
  /** It may be sooner: look again after this time, besides whenever a call ends here. */
  readonly againMs?: number;
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
}

/** The error of a refused call, with the fields that tell when to come back (draft-ietf-httpapi-ratelimit-headers). */
export function limitedError(name: string, { waitMs, limit, windowMs }: Refusal): ProxyError {
  const seconds = wholeSeconds(waitMs);
  const quoted = `"${name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  const headers: Record<string, string> = { RateLimit: `${quoted};r=0;t=${seconds}` };
  if (limit !== undefined) {
    const window = windowMs === undefined ? '' : `;w=${wholeSeconds(windowMs)}`;
    headers['RateLimit-Policy'] = `${quoted};q=${limit}${window}`;
  }
  return new ProxyError('ERR_RATE_LIMITED', `Rate limit reached. Please try again in ${seconds} seconds`, {
    retryAfterMs: waitMs,
    headers,
  });
}

/** The error of a call for which there is no room to wait. */
export function queueFullError({ waitMs }: Refusal): ProxyError {
  return new ProxyError(
    'ERR_QUEUE_FULL',
    `Too many calls are waiting. Please try again in ${wholeSeconds(waitMs)} seconds`,
    { retryAfterMs: waitMs },
  );
}

const wholeSeconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));
