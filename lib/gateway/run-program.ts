import { createRequire } from 'node:module';
import type { ApiOptions } from '../apis/options.js';
import { type LoadedConfig, loadConfig, parseConfig } from '../config/load-config.js';
import { type CommandLine, readCommandLine, USAGE, UsageError } from './command-line.js';
import { watchConfig } from './config-watch.js';
import { DEMO_HOST, type DemoApi, startDemoApi } from './demo-api.js';
import { createGateway } from './gateway.js';
import { type Logger, programLogger } from './logger.js';
import { onSignals } from './signals.js';
import { summary } from './summary.js';

const PROGRAM = 'resilient-proxy-out';
const EXIT = { failed: 1, usage: 2 } as const;
/** Port of the demo API in the configuration that `--check` reads: it starts nothing. */
const DEMO_PORT_UNUSED = 8088;

/** Runs the program; resolves with its exit code, or with 0 as soon as the gateway listens. */
export async function runProgram(args: readonly string[]): Promise<number> {
  try {
    const line = readCommandLine(args);
    if (line.help) return print(USAGE);
    if (line.version) return print(`${version()}\n`);
    if (line.check)
      return print(summary(line.config ?? 'The demo configuration', load(line, checkedDemoUrl(line))));
    await run(line);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${PROGRAM}: ${message}${usage ? `; see ${PROGRAM} --help` : ''}\n`);
    return usage ? EXIT.usage : EXIT.failed;
  }
}

async function run(line: CommandLine): Promise<void> {
  const logger = programLogger(logLevel());
  const demo = line.demo ? await startDemo(line.demoPort) : undefined;
  try {
    await serve(line, logger, demo);
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

async function serve(line: CommandLine, logger: Logger, demo: DemoApi | undefined): Promise<void> {
  const loaded = load(line, demo?.url);
  const { gateway: settings } = loaded;
  for (const warning of loaded.warnings) logger.warn(warning);
  const gateway = createGateway({
    ...loaded,
    logger,
    version: version(),
    adminToken: process.env.ADMIN_TOKEN,
  });
  const reload = (): void => gateway.reload(() => load(line, demo?.url));
  const { config } = line;
  const watch =
    config !== undefined && settings.watch
      ? watchConfig(config, reload, (err) =>
          logger.warn(
            { err },
            `cannot watch ${config} (${codeOf(err)}); reload it with kill -HUP ${process.pid}`,
          ),
        )
      : undefined;
  onSignals(logger, {
    reload,
    close: async () => {
      watch?.close();
      await gateway.close();
      await demo?.close();
    },
  });
  try {
    const url = await gateway.listen();
    // A standard output that is full or closed is no reason not to serve.
    process.stdout.on('error', () => {}).write(`${PROGRAM} listens on ${url}\n`);
  } catch (error) {
    await gateway.close();
    const { host, port } = settings;
    throw new Error(listenError(error, { host, port, option: '--port' }), { cause: error });
  }
  gateway.server.on('error', (err) => logger.error({ err }, 'the server failed'));
}

function load(line: CommandLine, demoUrl: string | undefined): LoadedConfig {
  const loaded = read(line, demoUrl);
  const { gateway } = loaded;
  const { host = gateway.host, port = gateway.port } = line;
  return { ...loaded, gateway: { ...gateway, host, port, accessLog: line.accessLog || gateway.accessLog } };
}

function read({ config, demo }: CommandLine, demoUrl: string | undefined): LoadedConfig {
  const env = demoUrl ? { ...process.env, DEMO_URL: demoUrl } : process.env;
  const own: Record<string, ApiOptions> = demo && demoUrl ? { demo: { target: demoUrl } } : {};
  if (!config) return parseConfig(JSON.stringify({ apis: own }), { env, format: 'json' });
  const loaded = loadConfig(config, { env });
  return { ...loaded, config: { ...loaded.config, apis: { ...own, ...loaded.config.apis } } };
}

const checkedDemoUrl = ({ demo, demoPort }: CommandLine) =>
  demo ? `http://${DEMO_HOST}:${demoPort || DEMO_PORT_UNUSED}` : undefined;

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function version(): string {
  // By the package's own name: sources and built files lie at different depths.
  const { version }: { version?: unknown } = createRequire(import.meta.url)(
    'resilient-proxy-out/package.json',
  );
  return String(version);
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

function logLevel(): string {
  const level = process.env.LOG_LEVEL || 'info';
  if (LEVELS.includes(level)) return level;
  throw new UsageError(`LOG_LEVEL must be one of ${LEVELS.join(', ')}; received ${JSON.stringify(level)}`);
}

/** Where a server was to listen, and the option that chooses its port. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly option: '--port' | '--demo-port';
}

function listenError(error: unknown, { host, port, option }: Place): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') return `port ${port} of ${host} is in use; choose another with ${option}`;
  if (code === 'EACCES')
    return `port ${port} of ${host} needs more privileges; choose one above 1023 with ${option}`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${host} is not an address of this machine; see --host`;
  return `cannot listen on port ${port} of ${host} (${code})`;
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');
