import type { IncomingMessage } from 'node:http';
import { ProxyError } from './errors.js';
import { type Exchange, knownExchange } from './exchange.js';
import { enterBy, type Stage } from './pipeline.js';

/** Longest pause of a client where nothing else is said. */
const PAUSE_MS = 30_000;

/** A stage that says how long a client may pause in a body that is read before its call goes on; 0 is no limit. */
export function readAheadLimit(bodyTimeoutMs = PAUSE_MS): Stage {
  const enter = (exchange: Exchange): undefined => {
    exchange.bodyTimeoutMs = bodyTimeoutMs;
  };
  return Object.assign<Stage, Pick<Stage, 'enter'>>(
    function readAheadLimit(req, res, next) {
      enterBy(enter, req, res, next);
    },
    { enter },
  );
}

/** What a client hears that has stopped in the middle of its upload. */
export function requestTimeout(): ProxyError {
  return new ProxyError('ERR_REQUEST_TIMEOUT', 'The client stopped sending the request body');
}

/**
 * Watches a body that is read before its call goes on: no other clock runs meanwhile. Its time does not count against
 * that of the call.
 * @param expired called once if the client pauses for `bodyTimeoutMs`
 * @returns ends the watch
 */
export function watchReadAhead(req: IncomingMessage, expired: (error: ProxyError) => void): () => void {
  const exchange = knownExchange(req);
  const pauseMs = exchange?.bodyTimeoutMs ?? PAUSE_MS;
  const beganAt = performance.now();
  let chunks = 0;
  let watched = true;
  const onData = (): void => {
    chunks++;
    timer?.refresh();
  };
  const stop = (): void => {
    if (!watched) return;
    watched = false;
    clearTimeout(timer);
    req.off('data', onData).off('close', stop);
    if (exchange) exchange.readAheadMs += performance.now() - beganAt;
  };
  // After a process has stood still timers run first, and what arrived in time is still unread.
  const late = (): void => {
    const seen = chunks;
    setImmediate(() => {
      if (!watched) return;
      if (chunks !== seen) return void timer?.refresh();
      stop();
      expired(requestTimeout());
    });
  };
  const timer = pauseMs === 0 ? undefined : setTimeout(late, pauseMs).unref();
  req.on('data', onData).on('close', stop);
  return stop;
}
