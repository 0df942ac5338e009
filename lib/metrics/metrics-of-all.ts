import type { Registry } from 'prom-client';
import type { Machine } from '../core/machine.js';
import { promClient } from '../core/packages/prom-client.js';
import type { Measured } from '../otlp/metric-data.js';
import type { MetricsHandler } from './metrics.js';

/** Has every worker send what it has counted. */
const SEND_NOW = 'metrics:send';
const COUNTED = 'metrics:counted';

type Snapshot = readonly Measured[];

/** Gauges of what all processes see alike, or of which the highest counts. The others add up. */
const HIGHEST =
  /(circuit_state|circuit_fleet|proxy_state|limits_exhausted|concurrency_limit|quota_limit|slo_objective_ratio|slo_burn_rate|_lag_seconds|last_reload_\w+|redis_up|redis_processes|otlp_failing|build_info)$/;
/** Gauges of what all see alike, some of them later than others. */
const LOWEST = /((limit|quota)_remaining|slo_(good|budget_remaining)_ratio)$/;

/**
 * Metrics of all processes of a gateway, on the page of the primary. What a worker has counted stays when it ends: a
 * counter never goes back.
 */
export function metricsOfAll(handler: MetricsHandler, machine: Machine): MetricsHandler {
  return machine.primary ? gathered(handler, machine) : sent(handler, machine);
}

/** What is about a process: each has its own lines, by the label `worker`, and they end with it. */
const OF_A_PROCESS = /^(process|nodejs)_/;

const snapshotOf = async ({ registry }: MetricsHandler) => (await registry.getMetricsAsJSON()) as Snapshot;

function sent(handler: MetricsHandler, machine: Machine): MetricsHandler {
  const { close } = handler;
  const send = async (): Promise<true> => {
    await machine.ask(COUNTED, await snapshotOf(handler));
    return true;
  };
  const stop = machine.handle(SEND_NOW, send);
  let last: Promise<unknown> | undefined;
  return Object.assign(handler, {
    sent: async () => void (await last),
    close() {
      stop();
      // It reads all of them before they are removed.
      last ??= send();
      close();
    },
  });
}

function gathered(handler: MetricsHandler, machine: Machine): MetricsHandler {
  const { close, contentType } = handler;
  const byWorker = new Map<number, Snapshot>();
  /** What those have counted that have ended. */
  let ended: Snapshot = [];
  const stop = machine.handle(COUNTED, (message, from) => {
    byWorker.set(from, message as Snapshot);
    return true;
  });
  machine.onGone((worker) => {
    const last = byWorker
      .get(worker)
      ?.filter(({ type, name }) => String(type) !== 'gauge' && !OF_A_PROCESS.test(name));
    byWorker.delete(worker);
    if (last)
      void summed([ended, last]).then((sum) => {
        ended = sum;
      });
  });

  async function all(): Promise<Snapshot[]> {
    await machine.askAll(SEND_NOW);
    const workers = [...byWorker].map(([worker, snapshot]) => labelled(snapshot, String(worker)));
    return [labelled(await snapshotOf(handler), 'primary'), ended, ...workers];
  }
  return Object.assign(handler, {
    render: async (accept?: string) => aggregate(await all(), contentType(accept)).metrics(),
    snapshot: async () => summed(await all()),
    close() {
      stop();
      close();
    },
  });
}

function labelled(snapshot: Snapshot, worker: string): Snapshot {
  return snapshot.map((metric) => {
    if (!OF_A_PROCESS.test(metric.name)) return metric;
    const values = metric.values.map((line) => ({ ...line, labels: { ...line.labels, worker } }));
    return { ...metric, values };
  });
}

const summed = async (snapshots: readonly Snapshot[]): Promise<Snapshot> =>
  (await aggregate(snapshots, promClient().Registry.PROMETHEUS_CONTENT_TYPE).getMetricsAsJSON()) as Snapshot;

function aggregate(
  snapshots: readonly Snapshot[],
  type: string,
): Pick<Registry, 'metrics' | 'getMetricsAsJSON'> {
  const isOpenMetrics = type === promClient().Registry.OPENMETRICS_CONTENT_TYPE;
  const marked = snapshots.map((snapshot) =>
    snapshot.map((metric) => ({
      ...metric,
      // In OpenMetrics prom-client adds it to the name of the family.
      name:
        isOpenMetrics && String(metric.type) === 'counter' ? metric.name.replace(/_total$/, '') : metric.name,
      aggregator: aggregatorOf(metric.name),
    })),
  );
  // Its types lack the second argument.
  const all: (snapshots: object[], type: string) => Registry = promClient().AggregatorRegistry.aggregate;
  return all(marked, type);
}

function aggregatorOf(name: string): 'min' | 'max' | 'sum' {
  if (LOWEST.test(name)) return 'min';
  return HIGHEST.test(name) ? 'max' : 'sum';
}
