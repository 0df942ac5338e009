import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallsInProgress } from '../core/calls-in-progress.js';
import { Closing } from '../core/closing.js';
import { type Exchange, exchangeOf, UNKNOWN_API } from '../core/exchange.js';
import type { Machine } from '../core/machine.js';
import { realTime, type Time } from '../core/time.js';
import { SharedRedis } from '../redis/shared-redis.js';
import { ChangeNews } from './change-news.js';
import type { Delta } from './digest/delta.js';
import { machineStatsStore, SEND_NOW } from './machine-stats-store.js';
import { MemoryStatsStore } from './memory-stats-store.js';
import { OpenEverywhere } from './open-counts.js';
import { Recorder } from './recorder.js';
import { RedisStatsStore } from './redis/store.js';
import type { ResolvedSlo } from './slo/slo-options.js';
import type { SloStatus } from './slo/slo-status.js';
import { SloWatch } from './slo/slo-watch.js';
import { resolveStats, type StatsOptions } from './stats-options.js';
import { StatsReader } from './stats-reader.js';
import type { StatsSource } from './stats-source.js';
import type { StatsHealth, StatsStore } from './stats-store.js';

/** The middleware that {@link stats} returns; dashboards and endpoints read from it, too. */
export interface StatsHandler extends StatsSource {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Counts a request when it is over, as the middleware does; for code that has its exchange at hand.
   * @param ownWriters whether the response is written only by `forward()`, without listeners, and by error responses,
   * which count their bytes themselves: the response is then left as it is; what the exchange says by default
   */
  watch(exchange: Exchange, ownWriters?: boolean): void;
  /**
   * Sets the APIs that are listed before their first request, in place of those of the options.
   * @param objectives of those that have one
   */
  configure(apis: readonly string[], objectives?: ReadonlyMap<string, ResolvedSlo>): void;
  /** How the APIs with an objective do by it, as read within the last 15 seconds. */
  objectives(): (readonly [api: string, status: SloStatus])[];
  /** Adds up what was recorded; with Redis, resolves when it has arrived there, or cannot for now. */
  flush(): Promise<void>;
  /** Sets all figures to 0; those in Redis, and those of the workers of a gateway, stay. */
  reset(): void;
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
 * as well. Any handler may follow. Mount the same one again behind a cache to count the attempts of the cache's own
 * requests; nothing is counted twice.
 *
 * @param time for tests
 * @param machine the other processes of a gateway
 * @param calls where the calls in progress are listed
 * @throws InvalidOptionError
 */
export function stats(
  options: StatsOptions = {},
  time: Time = realTime,
  machine?: Machine,
  calls?: CallsInProgress,
): StatsHandler {
  const clock = time.wall;
  const resolved = resolveStats(options);
  const { flushMs, redis } = resolved;
  let configured = resolved.apis;
  const store: StatsStore = redis
    ? new RedisStatsStore({ ...resolved, redis }, time)
    : machine
      ? machineStatsStore(machine, resolved, time, () => news.changed())
      : new MemoryStatsStore(resolved, time);
  const news: ChangeNews = new ChangeNews(() => store.revision());
  const sealed = (api: string, delta: Delta): void => {
    store.add(api, delta);
    news.changed();
  };
  const recorder = new Recorder(resolved, clock, sealed, calls);
  const reader = new StatsReader(store);
  const objectives = new SloWatch((api, slo) => reader.slo(api, slo, clock()));
  const open = new OpenEverywhere((api) => recorder.open(api), machine);
  const closing = new Closing();
  const stopFlushing = time.every(flushMs, tick);
  const stopServing = machine?.handle(SEND_NOW, () => flush().then(() => true));

  function tick(): void {
    void flush()
      .then(() => objectives.refresh(time.steady()))
      .then(() => news.notify(time.steady()));
  }

  function flush(): Promise<void> {
    recorder.seal();
    return store.flush();
  }

  function watch(exchange: Exchange, ownWriters = exchange.ownWriters): void {
    if (!closing.begun) recorder.watch(exchange, ownWriters);
  }

  function stats(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    const exchange = exchangeOf(req, res);
    watch(exchange);
    // The client left before it got here: it is counted, and nothing is done for nobody.
    if (!exchange.abandoned) next();
  }

  return Object.assign(stats, {
    enter: (exchange: Exchange): void => watch(exchange),
    watch,
    configure(apis: readonly string[], slos: ReadonlyMap<string, ResolvedSlo> = new Map()) {
      configured = [...apis];
      objectives.set(slos);
      recorder.countSlow(latenciesOf(slos));
    },
    objectives: () => objectives.list(),
    flush,
    reset() {
      if (!store.clear) return;
      recorder.seal();
      store.clear();
      reader.reset();
      objectives.reset();
      news.changed();
    },
    health: () => store.health(),
    storeProblem: () => (redis instanceof SharedRedis ? redis.health.status().message : undefined),
    async apis() {
      recorder.seal();
      const names = new Set([...configured, ...(await store.apis())]);
      // It stands for no API: who looks at the first one does not look for it.
      const unknown = names.delete(UNKNOWN_API) ? [UNKNOWN_API] : [];
      return [...[...names].sort(), ...unknown];
    },
    paths(api: string) {
      recorder.seal();
      return reader.paths(api, configured.includes(api), clock());
    },
    async view(query: Parameters<StatsSource['view']>[0]) {
      recorder.seal();
      const view = await reader.view(
        query,
        configured.includes(query.api),
        clock(),
        objectives.of(query.api),
      );
      return view && query.path === undefined ? { ...view, open: await open.of(query.api) } : view;
    },
    onChange: (listener: () => void) => news.listen(listener),
    close: () =>
      closing.begin(() => {
        stopFlushing();
        stopServing?.();
        open.close();
        recorder.seal();
        return store.close();
      }),
  });
}

function latenciesOf(slos: ReadonlyMap<string, ResolvedSlo>): Map<string, number> {
  const latencies = new Map<string, number>();
  for (const [api, { latencyMs }] of slos) if (latencyMs !== undefined) latencies.set(api, latencyMs);
  return latencies;
}
