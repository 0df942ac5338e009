import { type AddressInfo, createServer } from 'node:net';
import { ConfigReader } from '../config/config-reader.js';
import { acceptTunnels } from '../workers/accept-tunnels.js';
import { Hub } from '../workers/hub.js';
import type { CommandLine } from './command-line.js';
import { type ConfigSource, loadSource, readSource } from './config-source.js';
import { createGateway } from './gateway.js';
import { listenError } from './listen-error.js';
import type { ProgramLog } from './logger.js';
import { withPresets } from './presets.js';
import { version } from './program.js';
import type { Served } from './serve-alone.js';
import { workerNotes } from './worker-notes.js';
import { WorkerPool } from './worker-pool.js';
import { ALIVE, WorkerWatch } from './worker-watch.js';

const EXIT_FAILED = 1;
/** Beyond the time that a worker may take by its settings, before it is killed. */
const GRACE_MS = 5000;
/** Longest delay before a gateway stops listening, where the settings leave it to the gateway. */
const AUTO_DELAY_MS = 1000;

/** Serves by workers: this process starts them, holds what they share, and responds for all of them. */
export function servePrimary(
  line: CommandLine,
  count: number,
  log: ProgramLog,
  demoUrl: string | undefined,
  socket?: number,
): Served {
  const { logger } = log;
  let source: ConfigSource = readSource(line, demoUrl);
  const reader = new ConfigReader(withPresets);
  const loaded = loadSource(line, source, reader);
  const settings = { now: loaded.gateway, files: loaded.files };
  const place = { host: loaded.gateway.host, port: loaded.gateway.port, socket };
  const hub = new Hub();
  const lost = () => {
    logger.fatal('all workers have ended, and with them the socket: systemd has to start the gateway again');
    process.exit(EXIT_FAILED);
  };
  const pool = new WorkerPool({
    count,
    hub,
    log,
    start: () => ({ source, place }),
    leaveWithinMs() {
      const { drainDelayMs, shutdownTimeoutMs } = settings.now;
      const delayMs = drainDelayMs === 'auto' ? AUTO_DELAY_MS : drainDelayMs;
      return delayMs + shutdownTimeoutMs + GRACE_MS;
    },
    lost: socket === undefined ? undefined : lost,
  });
  const watch = new WorkerWatch({
    logger,
    serving: () => pool.serving(),
    ask: ({ id }) => hub.askOne(id, ALIVE),
  });
  for (const warning of loaded.warnings) logger.warn(warning);
  for (const note of workerNotes(loaded.config, count))
    logger.info({ workers: count }, `not shared: ${note}`);
  const leave = (): Promise<void> => {
    watch.close();
    return pool.close();
  };
  const gateway = createGateway({
    ...loaded,
    sorted: reader.sorted,
    logger,
    log,
    version: version(),
    process: { machine: hub, leave, problems: () => watch.problems() },
  });
  acceptTunnels(hub, gateway.server);
  // However this process ends, they end with it.
  process.on('exit', () => pool.kill());

  function reload(): void {
    let next = source;
    const done = gateway.reload(() => {
      next = readSource(line, demoUrl);
      const now = loadSource(line, next, reader);
      settings.now = now.gateway;
      settings.files = now.files;
      return now;
    });
    if (!done) return;
    source = next;
    pool.reload(source);
  }

  return {
    settings: loaded.gateway,
    files: () => settings.files,
    reload,
    roll: () => void pool.roll(),
    async listen() {
      await gateway.listenForAdmin();
      // One that a worker takes is gone when all of them end.
      if (socket === undefined && place.port === 0) place.port = await freePort(place.host);
      const url = await pool.start();
      if (socket !== undefined) gateway.boundTo(URL.canParse(url) ? new URL(url).hostname : '');
      return url;
    },
    close: () => gateway.close(),
  };
}

/** A port that is free now. */
function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(listenError(error, { host, port: 0, option: '--port' }), { cause: error })),
    );
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port: 0 }, () => {
      // A server that listens on a TCP port has an address of this type.
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
