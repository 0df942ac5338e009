import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Exchange } from '../../../lib/core/exchange.js';
import { type StatsHandler, stats } from '../../../lib/stats/stats.js';
import type { StatsOptions } from '../../../lib/stats/stats-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { toyTime } from '../../support/toy-time.js';

/** Statistics on a clock that runs only when advanced, with requests that were served at once. */
export interface RecordedStats {
  readonly source: StatsHandler;
  advance(ms: number): void;
  /** Sets the time of day ahead, or back. */
  setWall(byMs: number): void;
  /** Adds a request that ends with this status, with one attempt through each of these proxies; `undefined` is direct. */
  call(api: string, url: string, status: number, proxies?: readonly (string | undefined)[]): void;
}

/** Nothing is flushed unless a test says so. */
const BY_HAND = { flushMs: 2_000_000_000 };
/** As long as `close()` waits at most. */
const CLOSE_WITHIN_MS = 2000;

/** Records requests as `[url, status]` by API; closed after the test. */
export function recordedStats(
  now: number,
  calls: Readonly<Record<string, readonly (readonly [url: string, status: number])[]>> = {},
  options: StatsOptions = {},
): RecordedStats {
  const time = toyTime(now);
  const source = stats({ ...BY_HAND, ...options }, time);
  onCleanup(() => {
    const closed = source.close();
    // Nobody waits for a Redis that does not reply.
    time.advance(CLOSE_WITHIN_MS);
    return closed;
  });

  function call(
    api: string,
    url: string,
    status: number,
    proxies: readonly (string | undefined)[] = [],
  ): void {
    const req = new IncomingMessage(new Socket());
    Object.assign(req, { method: 'GET', url });
    const res = new ServerResponse(req);
    const exchange = new Exchange(req, res);
    exchange.api = api;
    for (const [index, egress] of proxies.entries()) {
      const times = { startedAt: performance.now(), durationMs: 1, waitedMs: 0 };
      const head = { status, statusText: '', rawHeaders: [] };
      const ended = { outcome: { kind: 'response', head }, end: { kind: 'complete' } } as const;
      exchange.attempts.push({ number: index + 1, ...times, egress, ...ended });
    }
    source.watch(exchange);
    res.writeHead(status).end('body');
    // Without a socket nothing emits the events of a sent response.
    Object.defineProperties(res, { writableEnded: { value: true }, writableFinished: { value: true } });
    res.emit('close');
  }
  for (const [api, list] of Object.entries(calls)) for (const [url, status] of list) call(api, url, status);
  return {
    source,
    call,
    advance: time.advance,
    setWall: time.setWall,
  };
}
