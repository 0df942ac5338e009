import type { ResponseHead } from '../core/exchange.js';
import { parseHttpDate } from './date.js';

/** Above this a number is an instant in seconds since 1970, not a number of seconds. */
const EPOCH_SECONDS = 1_000_000_000;

/**
 * How long the upstream asks to be left alone: `Retry-After` (RFC 9110 §10.2.3), or the reset of a rate
 * limit that has nothing left. What cannot be read is `undefined`, as if it were not there.
 * @param now epoch milliseconds
 */
export function askedDelayMs(head: ResponseHead, now: number): number | undefined {
  const fields = collect(head.rawHeaders);
  const asked = fields.get('retry-after');
  if (asked !== undefined) return secondsOrDateMs(asked, now);
  if (head.status !== 429 && head.status !== 503) return undefined;
  const structured = /(?:^|;)\s*t=(\d{1,10})\b/.exec(fields.get('ratelimit') ?? '')?.[1];
  const reset =
    structured ??
    fields.get('ratelimit-reset') ??
    fields.get('x-ratelimit-reset') ??
    fields.get('x-rate-limit-reset');
  const remaining = fields.get('ratelimit-remaining') ?? fields.get('x-ratelimit-remaining');
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

/** Some APIs count the instant in milliseconds. */
const epochMs = (instant: number) => (instant > EPOCH_SECONDS * 100 ? instant : instant * 1000);

const READ = /^(retry-after|(x-)?rate-?limit(-reset|-remaining)?)$/;

function collect(rawHeaders: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (READ.test(name) && !fields.has(name)) fields.set(name, rawHeaders[i + 1] ?? '');
  }
  return fields;
}
