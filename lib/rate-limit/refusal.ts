import { ProxyError } from '../core/errors.js';

/** What the options give for one call. */
export interface CallOptions {
  readonly quotaKey: string;
  /** What it takes of a limit that does not count calls. */
  readonly points: number;
  readonly scope: string | undefined;
}

/** The error of a call that may not go; `undefined` if it may. */
export type Veto = ProxyError | undefined;

/** Why a call may not go now. */
export interface Refusal {
  readonly by: 'quota' | 'advertised';
  /** Name of the limit; `undefined` if it is the API's only one. */
  readonly name?: string | undefined;
  /** Time until it may go, as far as is known. */
  readonly waitMs: number;
  /** It may be sooner: try again after this time, and whenever another call ends. */
  readonly againMs?: number | undefined;
  /** The first call after a pause is under way, and its response will tell. */
  readonly probing?: boolean;
  /** The quota is in Redis, which is lost, and is to be kept nonetheless. */
  readonly lost?: boolean;
  /** Calls in a window; `undefined` if unknown. */
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
}

/** For a call behind others that wait: nothing else is known. */
export const BEHIND_OTHERS: Refusal = { by: 'quota', waitMs: 1000, againMs: 1000 };

/** For a call behind others that wait for a response which is about to tell. */
export const BEHIND_PROBE: Refusal = { by: 'advertised', waitMs: 1000, againMs: 1000, probing: true };

/** The error of a refused call, with the headers that say when to come back (draft-ietf-httpapi-ratelimit-headers). */
export function limitedError(api: string, refusal: Refusal): ProxyError {
  const { waitMs, limit, windowMs } = refusal;
  const seconds = wholeSeconds(waitMs);
  const quoted = `"${(refusal.name ?? api).replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
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
function reasonOf(api: string, { by, name, limit, windowMs, lost }: Refusal): string {
  if (lost) return `Rate limit of "${api}" cannot be checked while Redis is lost (onStoreLoss: reject)`;
  const which = name === undefined ? `"${api}"` : `"${api}" (${name})`;
  if (limit !== undefined) {
    const window = windowMs === undefined ? '' : ` per ${duration(windowMs)}`;
    const source = by === 'quota' ? 'configured' : 'advertised by the API';
    return `Rate limit of ${which} reached (${limit}${window}, ${source})`;
  }
  if (by === 'advertised') return `The API ${which} has asked for a pause`;
  return `Rate limit of "${api}" reached, and other calls are waiting`;
}

const wholeSeconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));

const duration = (ms: number) => (ms < 1000 ? `${Math.ceil(ms)} ms` : `${wholeSeconds(ms)} s`);
