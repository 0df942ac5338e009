import type { IncomingMessage, ServerResponse } from 'node:http';
import { Closing } from '../core/closing.js';
import { type Exchange, exchangeOf } from '../core/exchange.js';
import { realTime, type Time } from '../core/time.js';
import { ChangeNews } from './change-news.js';
import { MemoryStatsStore } from './memory-stats-store.js';
import { Recorder } from './recorder.js';
import { RedisStatsStore } from './redis/store.js';
import { resolveStats, type StatsOptions } from './stats-options.js';
import { StatsReader } from './stats-reader.js';
import type { StatsSource } from './stats-source.js';
import type { StatsHealth } from './stats-store.js';

/** The middleware that {@link stats} returns; dashboards and endpoints read from it, too. */
export interface StatsHandler extends StatsSource {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Counts a request when it is over, as the middleware does; for code that has its exchange at hand.
   * @param ownWriters whether the response is written only by `forward()`, without listeners, and by error responses,
   * which count their bytes themselves: the response is then left as it is
   */
  watch(exchange: Exchange, ownWriters?: boolean): void;
  /** Sets the APIs that are listed before their first request, in place of those of the options. */
  configure(apis: readonly string[]): void;
  /** Adds up what was recorded; with Redis, resolves when it has arrived there, or cannot for now. */
  flush(): Promise<void>;
  /** State of the store in Redis. */
  health(): StatsHealth;
  /**
   * Sends what was not sent yet, for at most two seconds where Redis does not reply, and frees timer and connection.
   * What passes later is not counted.
   */
  close(): Promise<void>;
}

/**
 * Counts every request when its response has closed: by API and path, by status, time and what the stages did with
 * it. Put it in front of everything else, so that responses from a cache, refusals and clients that left are counted
 * as well. Any handler may follow.
 *
 * @param time for tests
 * @throws InvalidOptionError
 */
export function stats(options: StatsOptions = {}, time: Time = realTime): StatsHandler {
  const clock = time.wall;
  const resolved = resolveStats(options);
  const { flushMs, redis } = resolved;
  let configured = resolved.apis;
  const store = redis
    ? new RedisStatsStore({ ...resolved, redis }, time)
    : new MemoryStatsStore(resolved, clock);
  const news = new ChangeNews(() => store.revision());
  const recorder = new Recorder(resolved, clock, (api, delta) => {
    store.add(api, delta);
    news.changed();
  });
  const reader = new StatsReader(store);
  const closing = new Closing();
  const stopFlushing = time.every(flushMs, tick);

  function tick(): void {
    void flush().then(() => news.notify(time.steady()));
  }

  function flush(): Promise<void> {
    recorder.seal();
    return store.flush();
  }

  function watch(exchange: Exchange, ownWriters = false): void {
    if (!closing.begun) recorder.watch(exchange, ownWriters);
  }

  function stats(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    watch(exchange);
    // The client left before it got here: it is counted, and nothing is done for nobody.
    if (!exchange.abandoned) next();
  }

  return Object.assign(stats, {
    watch,
    configure(apis: readonly string[]) {
      configured = [...apis];
    },
    flush,
    health: () => store.health(),
    async apis() {
      recorder.seal();
      return [...new Set([...configured, ...(await store.apis())])].sort();
    },
    paths(api: string) {
      recorder.seal();
      return reader.paths(api, configured.includes(api), clock());
    },
    view(query: Parameters<StatsSource['view']>[0]) {
      recorder.seal();
      return reader.view(query, configured.includes(query.api), clock());
    },
    onChange: (listener: () => void) => news.listen(listener),
    close: () =>
      closing.begin(() => {
        stopFlushing();
        recorder.seal();
        return store.close();
      }),
  });
}
