import type { ResponseHead } from '../core/attempt.js';
import { parseHttpDate } from './date.js';

/** Above this a number is a time in seconds since 1970, not a number of seconds. */
const EPOCH_SECONDS = 1_000_000_000;

/**
 * How long the upstream wants no more requests: `Retry-After` (RFC 9110 §10.2.3), or the reset of an exhausted rate
 * limit. A value that cannot be read is `undefined`, as if it were absent.
 * @param now epoch milliseconds
 */
export function requestedDelayMs(head: ResponseHead, now: number): number | undefined {
  const headers = collect(head.rawHeaders);
  const retryAfter = headers.get('retry-after');
  if (retryAfter !== undefined) return secondsOrDateMs(retryAfter, now);
  if (head.status !== 429 && head.status !== 503) return undefined;
  const structured = /(?:^|;)\s*t=(\d{1,10})\b/.exec(headers.get('ratelimit') ?? '')?.[1];
  const reset =
    structured ??
    headers.get('ratelimit-reset') ??
    headers.get('x-ratelimit-reset') ??
    headers.get('x-rate-limit-reset');
  const remaining = headers.get('ratelimit-remaining') ?? headers.get('x-ratelimit-remaining');
  if (reset === undefined || (remaining !== undefined && Number(remaining) > 0)) return undefined;
  return secondsOrDateMs(reset, now);
}

function secondsOrDateMs(value: string, now: number): number | undefined {
  const text = value.trim();
  if (/^\d{1,15}(\.\d+)?$/.test(text)) {
    const seconds = Number(text);
    return seconds < EPOCH_SECONDS ? seconds * 1000 : Math.max(0, epochMs(seconds) - now);
  }
  const date = parseHttpDate(text, now);
  return date === undefined ? undefined : Math.max(0, date - now);
}

/** Some APIs send the time in milliseconds. */
const epochMs = (instant: number) => (instant > EPOCH_SECONDS * 100 ? instant : instant * 1000);

const READ = /^(retry-after|(x-)?rate-?limit(-reset|-remaining)?)$/;

function collect(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (READ.test(name) && !headers.has(name)) headers.set(name, rawHeaders[i + 1] ?? '');
  }
  return headers;
}
