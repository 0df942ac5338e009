import { checkOtlpPackages } from '../otlp/check-packages.js';
import { checkLists } from './check-lists.js';
import { type CommandLine, readCommandLine, USAGE, UsageError } from './command-line.js';
import { loadSource, readSource } from './config-source.js';
import { POLL_MS, watchConfig } from './config-watch.js';
import { DEMO_HOST, type DemoApi, startDemoApi } from './demo-api.js';
import { codeOf, listenError } from './listen-error.js';
import { type ProgramLog, programLog } from './logger.js';
import { logFormat, logLevel, PROGRAM, version } from './program.js';
import type { servePrimary } from './run-primary.js';
import { type Served, serveAlone } from './serve-alone.js';
import { onSignals } from './signals.js';
import { activatedSocket } from './socket-activation.js';
import { summary } from './summary.js';
import { WORKER_VARIABLE } from './worker-pool.js';

const EXIT = { failed: 1, usage: 2 } as const;
/** Port of the demo API in the configuration that `--check` reads: it starts nothing. */
const DEMO_PORT_UNUSED = 8088;

const LOOKED_AT = `files in it are looked at every ${POLL_MS / 1000} s`;

/** Runs the program; resolves with its exit code, or with 0 as soon as the gateway listens. */
export async function runProgram(args: readonly string[]): Promise<number> {
  try {
    const line = readCommandLine(args);
    if (line.help) return print(USAGE);
    if (line.version) return print(`${version()}\n`);
    if (line.check) {
      logLevel();
      logFormat();
      return print(checked(line));
    }
    if (process.env[WORKER_VARIABLE] && process.send) {
      const { runWorker } = await import('./run-worker.js');
      await runWorker(line);
    } else await run(line);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${PROGRAM}: ${message}${usage ? `; see ${PROGRAM} --help` : ''}\n`);
    return usage ? EXIT.usage : EXIT.failed;
  }
}

async function run(line: CommandLine): Promise<void> {
  const log = programLog(logLevel(), logFormat());
  const demo = line.demo ? await startDemo(line.demoPort) : undefined;
  try {
    await serve(line, log, demo);
  } catch (error) {
    await demo?.close();
    throw error;
  }
}

async function startDemo(port: number): Promise<DemoApi> {
  try {
    return await startDemoApi(port);
  } catch (error) {
    const message = listenError(error, { host: DEMO_HOST, port, option: '--demo-port' });
    throw new Error(message, { cause: error });
  }
}

async function serve(line: CommandLine, log: ProgramLog, demo: DemoApi | undefined): Promise<void> {
  const { config, workers } = line;
  const { logger } = log;
  const socket = activatedSocket();
  if (socket !== undefined)
    logger.info({ fd: socket }, 'serves on the socket of systemd: server.host and server.port do not apply');
  const served =
    workers === undefined
      ? serveAlone(line, log, demo?.url, socket)
      : await primaryOf(line, workers, log, demo?.url, socket);
  const { reload } = served;
  const watch =
    config !== undefined && served.settings.watch
      ? watchConfig({
          files: () => [config, ...served.files()],
          changed: reload,
          failed: (err, folder) =>
            logger.warn({ err }, `cannot watch ${folder} (${codeOf(err)}): ${LOOKED_AT}`),
        })
      : undefined;
  onSignals(logger, {
    reload,
    roll: served.roll,
    close: async () => {
      watch?.close();
      await served.close();
      await demo?.close();
    },
  });
  try {
    const url = await served.listen();
    // A standard output that is full or closed is no reason not to serve.
    process.stdout.on('error', () => {}).write(`${PROGRAM} listens on ${url}\n`);
  } catch (error) {
    watch?.close();
    await served.close();
    throw error;
  }
}

/** Loaded where it is needed: what a process alone does not use costs it nothing. */
async function primaryOf(...args: Parameters<typeof servePrimary>): Promise<Served> {
  const { servePrimary } = await import('./run-primary.js');
  return servePrimary(...args);
}

/** @throws an error that says what is wrong, or what has to be installed */
function checked(line: CommandLine): string {
  const loaded = load(line, checkedDemoUrl(line));
  checkOtlpPackages(loaded.config);
  checkLists(loaded.config);
  return summary(line.config ?? 'The demo configuration', loaded, line.workers);
}

const load = (line: CommandLine, demoUrl: string | undefined) => loadSource(line, readSource(line, demoUrl));

const checkedDemoUrl = ({ demo, demoPort }: CommandLine) =>
  demo ? `http://${DEMO_HOST}:${demoPort || DEMO_PORT_UNUSED}` : undefined;

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
