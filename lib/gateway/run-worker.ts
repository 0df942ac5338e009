import { ConfigReader } from '../config/config-reader.js';
import { AdminTunnel } from '../workers/admin-tunnel.js';
import { WorkerLink } from '../workers/worker-link.js';
import type { CommandLine } from './command-line.js';
import { type ConfigSource, loadSource } from './config-source.js';
import { createGateway, type Gateway } from './gateway.js';
import { listenError } from './listen-error.js';
import { programLog } from './logger.js';
import { withPresets } from './presets.js';
import { logLevel, version } from './program.js';
import type { WorkerStart } from './worker-pool.js';
import { ALIVE } from './worker-watch.js';

const EXIT_FAILED = 1;

/** Runs one of the processes that serve; the primary has started it. */
export async function runWorker(line: CommandLine): Promise<void> {
  // The primary passes its lines on, in the format that it has.
  const log = programLog(logLevel(), 'json');
  const logger = log.logger.child({ pid: process.pid });
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'a worker failed');
    process.exit(EXIT_FAILED);
  });
  const machine = new WorkerLink();
  // Ctrl-C and a terminal that closes reach all processes at once: the primary says what is to be done.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});
  let gateway: Gateway | undefined;
  let leaving = false;
  async function leave(): Promise<void> {
    if (leaving) return;
    leaving = true;
    await gateway?.close();
    await gateway?.proxy.metrics?.sent?.();
    await machine.ask('worker:left');
    process.exit(0);
  }
  machine.handle(ALIVE, () => true);
  machine.handle('close', () => void leave());
  process.on('SIGTERM', () => {
    machine.tell('worker:leaving');
    void leave();
  });

  const { source, place } = (await machine.ask('worker:start')) as WorkerStart;
  // It takes no calls any more.
  if (leaving) return;
  const reader = new ConfigReader(withPresets);
  const load = (from: ConfigSource) => {
    const loaded = loadSource(line, from, reader);
    // They listen on one socket, wherever the file says by now.
    return { ...loaded, gateway: { ...loaded.gateway, ...place } };
  };
  // Without this it would neither serve nor end: its channel keeps it running.
  async function fail(message: string): Promise<void> {
    await machine.ask('worker:failed', message);
    process.exit(EXIT_FAILED);
  }

  let loaded: ReturnType<typeof load>;
  let serving: Gateway;
  const { socket } = place;
  try {
    loaded = load(source);
    const own = { machine, admin: new AdminTunnel(machine) };
    serving = createGateway({
      ...{ ...loaded, sorted: reader.sorted },
      ...{ logger, log, version: version(), socket, process: own },
    });
  } catch (error) {
    // A file that the configuration names may have gone since the primary has read it.
    return fail(error instanceof Error ? error.message : String(error));
  }
  gateway = serving;
  machine.handle('worker:reload', (from) => serving.reload(() => load(from as ConfigSource)));

  try {
    machine.tell('worker:ready', await serving.listen());
  } catch (error) {
    return fail(listenError(error, { ...loaded.gateway, socket, option: '--port' }));
  }
  serving.server.on('error', (err) => logger.error({ err }, 'the server failed'));
}
