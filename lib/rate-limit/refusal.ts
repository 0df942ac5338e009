import { ProxyError } from '../core/errors.js';

/** Why a call may not go now. */
export interface Refusal {
  readonly by: 'quota' | 'advertised';
  /** Time until it may go, as far as is known. */
  readonly waitMs: number;
  /** It may be sooner: try again after this time, and whenever another call ends. */
  readonly againMs?: number;
  /** Calls in a window; `undefined` if unknown. */
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
}

/** The error of a refused call, with the headers that say when to come back (draft-ietf-httpapi-ratelimit-headers). */
export function limitedError(api: string, refusal: Refusal): ProxyError {
  const { waitMs, limit, windowMs } = refusal;
  const seconds = wholeSeconds(waitMs);
  const quoted = `"${api.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  const headers: Record<string, string> = { RateLimit: `${quoted};r=0;t=${seconds}` };
  if (limit !== undefined) {
    const window = windowMs === undefined ? '' : `;w=${wholeSeconds(windowMs)}`;
    headers['RateLimit-Policy'] = `${quoted};q=${limit}${window}`;
  }
  const message = `${reasonOf(api, refusal)}. Please try again in ${seconds} seconds`;
  return new ProxyError('ERR_RATE_LIMITED', message, { retryAfterMs: waitMs, headers });
}

/** The error of a call for which the queue has no room. */
export function queueFullError(api: string, maxQueue: number, { waitMs }: Refusal): ProxyError {
  const message =
    `Queue of "${api}" is full (maxQueue: ${maxQueue}). ` +
    `Please try again in ${wholeSeconds(waitMs)} seconds`;
  return new ProxyError('ERR_QUEUE_FULL', message, { retryAfterMs: waitMs });
}

/** Says whose limit it is: ours, or the API's. */
function reasonOf(api: string, { by, limit, windowMs }: Refusal): string {
  if (limit !== undefined) {
    const window = windowMs === undefined ? '' : ` per ${duration(windowMs)}`;
    const source = by === 'quota' ? 'configured' : 'advertised by the API';
    return `Rate limit of "${api}" reached (${limit}${window}, ${source})`;
  }
  if (by === 'advertised') return `The API "${api}" has asked for a pause`;
  return `Rate limit of "${api}" reached, and other calls are waiting`;
}

const wholeSeconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));

const duration = (ms: number) => (ms < 1000 ? `${Math.ceil(ms)} ms` : `${wholeSeconds(ms)} s`);
