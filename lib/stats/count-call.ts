import type { Attempt, Blame } from '../core/attempt.js';
import type { EndedCall } from '../core/ended-call.js';
import type { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { bytesSent, measuredBody } from '../core/meter.js';
import { attemptResultOf, endedCall, upstreamMs } from '../http/outcome.js';
import { bump, bumpName } from './digest/tally.js';
import type { LivePath } from './live-api.js';
import { LiveTimes } from './live-times.js';

const DIRECT = 'direct';

/** Bytes of a call that were counted while it was in progress. */
export interface Told {
  bytesIn: number;
  bytesOut: number;
}

/**
 * Counts a request whose response has closed.
 * @param told bytes that are counted already
 * @returns whether it belongs among the recent errors
 */
export function countCall(path: LivePath, exchange: Exchange, told: Told | undefined): boolean {
  const { res, error, cache, attempts } = exchange;
  const { tally } = path;
  const ended = endedCall(exchange);
  const { cut, result } = ended;
  path.touched = true;
  tally.total++;
  if (result !== 'left') tally[result]++;
  tally.outcomes[ended.outcome]++;
  if (result === 'failure') bump(tally.failedBy, blameOf(exchange, cut));
  if (res.headersSent) bump(tally.statusCodes, res.statusCode);
  countTimes(path, res.headersSent, ended);
  tally.bytesOut += bytesSent(exchange) - (told?.bytesOut ?? 0);
  tally.bytesIn += measuredBody(exchange.req) - (told?.bytesIn ?? 0);
  if (cache) bump(tally.cache, cache);
  if (attempts.length > 0) {
    countAttempts(path, exchange);
    if (attempts.length > 1) tally.retried++;
  }
  const code = (error ?? cut)?.code;
  if (code) bumpName(tally.errors, code);
  return result === 'failure' || code !== undefined;
}

function countTimes(path: LivePath, hasHead: boolean, ended: EndedCall): void {
  const { result, durationMs, firstMs, isStream } = ended;
  if (!hasHead) {
    // Whoever gave up has waited for so long: an API that hangs is slow, and not without a time.
    path.responseTimes.add(durationMs);
    return;
  }
  path.firstBytes.add(firstMs);
  if (isStream) {
    path.streamTimes ??= new LiveTimes();
    path.streamTimes.add(durationMs - firstMs);
    path.responseTimes.add(firstMs);
  } else if (result !== 'left') path.responseTimes.add(durationMs);
}

/** Counts the attempts of a call: those that are over, and the rest when they are. */
export function countAttempts(path: LivePath, exchange: Exchange): void {
  const { tally } = path;
  const { attempts } = exchange;
  path.touched = true;
  tally.attempts += attempts.length;
  if (exchange.detached) tally.background += attempts.length;
  for (const attempt of attempts) {
    bumpName(tally.proxies, attempt.egress ?? DIRECT);
    if (attempt.end) countAttemptEnd(path, attempt, exchange);
  }
}

/** Counts what an attempt says of its API. */
export function countAttemptEnd(path: LivePath, attempt: Attempt, exchange: Exchange): void {
  path.touched = true;
  path.tally.attemptResults[attemptResultOf(attempt)]++;
  const ms = upstreamMs(attempt, exchange);
  if (ms !== undefined) path.upstreamTimes.add(ms);
}

/** A response of the target is its own doing, and no error. */
export const blameOf = ({ error, onlyIfCached }: Exchange, cut: ProxyError | undefined): Blame =>
  (error ?? cut)?.by ?? (onlyIfCached ? 'client' : 'target');
