import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { type RunningGateway, runGateway } from '../../support/run-gateway.js';
import { keep } from './keep.js';
import { pass } from './now.js';

/** What a fleet runs. */
export interface FleetPlan {
  /** The configuration file, without `server.port`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** @default 4 */
  readonly processes?: number;
  /** More arguments of the command line. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Calls that the statistics know of. */
export interface CallFigures {
  readonly total: number;
  readonly success: number;
  readonly failure: number;
}

/** One process of a fleet; its port stays when it starts anew. */
export interface FleetProcess {
  readonly url: string;
  readonly port: number;
  /** The process that runs now. */
  readonly gateway: RunningGateway;
  /** Log lines, those of processes that have ended before the present ones. */
  readonly logs: readonly Record<string, unknown>[];
  /** Its response to `/health?verbose=1`. */
  health(): Promise<{ redis?: { state: string; processes: number } } & Record<string, unknown>>;
  /** Ends it by a signal; resolves once it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on its port, after {@link end}. */
  start(): Promise<void>;
}

/** Gateways that are programs, each on a port of its own, with the same configuration. */
export interface Fleet {
  readonly processes: readonly FleetProcess[];
  readonly urls: readonly string[];
  /** What `/api-stats` of the first process that runs says of an API. */
  figures(api: string): Promise<CallFigures>;
  /** Resolves once each process uses Redis, and sees all the others there. */
  connected(withinMs?: number): Promise<void>;
}

/** Starts them; they end with the scene. With CHAOS_LOGS=folder their logs stay there. */
export async function startFleet({ config, processes = 4, args = [], env = {} }: FleetPlan): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'rpo-chaos-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'apis.json');
  writeFileSync(file, JSON.stringify(config));
  const options = { env: { LOG_LEVEL: 'info', ...env } };
  const started = Array.from({ length: processes }, async () => {
    const port = await unusedPort();
    return fleetProcess(port, () => runGateway(['--config', file, '--port', `${port}`, ...args], options));
  });
  const all = await Promise.all(started);
  onCleanup(() => {
    for (const { port, logs } of all) keep(`gateway-${port}`, logs);
  });
  const isConnected = async ({ health }: FleetProcess): Promise<boolean> => {
    const { redis } = await health();
    return redis?.state === 'up' && redis.processes === processes;
  };
  return {
    processes: all,
    urls: all.map(({ url }) => url),
    async figures(api) {
      const running = all.find(({ gateway }) => gateway.child.exitCode === null && !gateway.child.killed);
      const response = await call(`${running?.url}/api-stats?api=${api}`);
      if (response.status === 404) return { total: 0, success: 0, failure: 0 };
      return (response.json() as { stats: CallFigures }).stats;
    },
    connected: (withinMs = 15_000) =>
      eventually('the fleet to use Redis', withinMs, async () =>
        (await Promise.all(all.map(isConnected))).every(Boolean),
      ),
  };
}

async function fleetProcess(port: number, run: () => Promise<RunningGateway>): Promise<FleetProcess> {
  let gateway = await run();
  const before: Record<string, unknown>[] = [];
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get gateway() {
      return gateway;
    },
    get logs() {
      return [...before, ...gateway.logs];
    },
    async health() {
      const { json } = await call(`http://127.0.0.1:${port}/health?verbose=1`);
      return json() as { redis?: { state: string; processes: number } };
    },
    async end(signal) {
      gateway.child.kill(signal);
      await gateway.ended;
    },
    async start() {
      before.push(...gateway.logs);
      gateway = await run();
    },
  };
}

/** Asks again and again until it holds. @throws where it never does */
export async function eventually(
  what: string,
  withinMs: number,
  holds: () => Promise<boolean>,
  everyMs = 50,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ${withinMs} ms in vain for ${what}`);
    await pass(everyMs);
  }
}
