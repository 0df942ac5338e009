import type { IncomingMessage } from 'node:http';
import { BodyPace, watchPace } from './body-pace.js';
import { ProxyError } from './errors.js';
import { type Exchange, knownExchange } from './exchange.js';
import { enterBy, type Stage } from './pipeline.js';

/** Longest pause of a client where nothing else is said. */
const PAUSE_MS = 30_000;

/**
 * A stage that says how long a client may pause in a body that is read before its call goes on, and how many bytes per
 * second it must send; 0 is no limit.
 */
export function readAheadLimit(bodyTimeoutMs = PAUSE_MS, minBodyRate = 0): Stage {
  const enter = (exchange: Exchange): undefined => {
    exchange.bodyTimeoutMs = bodyTimeoutMs;
    exchange.minBodyRate = minBodyRate;
  };
  return Object.assign<Stage, Pick<Stage, 'enter'>>(
    function readAheadLimit(req, res, next) {
      enterBy(enter, req, res, next);
    },
    { enter },
  );
}

/** What a client hears that has stopped in the middle of its upload, or is too slow. */
export function requestTimeout(): ProxyError {
  return new ProxyError(
    'ERR_REQUEST_TIMEOUT',
    'The client stopped sending the request body, or sent it too slowly',
  );
}

/**
 * Watches a body that is read before its call goes on: no other clock runs meanwhile. Its time does not count against
 * that of the call.
 * @param expired called once if the client pauses for `bodyTimeoutMs`, or is slower than `minBodyRate`
 * @returns ends the watch
 */
export function watchReadAhead(req: IncomingMessage, expired: (error: ProxyError) => void): () => void {
  const exchange = knownExchange(req);
  const { bodyTimeoutMs = PAUSE_MS, minBodyRate = 0 } = exchange ?? {};
  const beganAt = performance.now();
  let bytes = 0;
  let watched = true;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    watch?.look();
  };
  const stop = (): void => {
    if (!watched) return;
    watched = false;
    watch?.end();
    req.off('data', onData).off('close', stop);
    if (exchange) exchange.readAheadMs += performance.now() - beganAt;
  };
  const late = (): void => {
    stop();
    expired(requestTimeout());
  };
  const isLimited = bodyTimeoutMs > 0 || minBodyRate > 0;
  const pace = isLimited && new BodyPace(minBodyRate, bodyTimeoutMs || Number.POSITIVE_INFINITY);
  const watch = pace ? watchPace(pace, () => bytes, late) : undefined;
  req.on('data', onData).on('close', stop);
  return stop;
}
