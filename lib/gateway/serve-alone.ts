import { ConfigReader } from '../config/config-reader.js';
import type { GatewaySettings } from '../config/schema.js';
import type { CommandLine } from './command-line.js';
import { loadSource, readSource } from './config-source.js';
import { createGateway } from './gateway.js';
import { listenError } from './listen-error.js';
import type { ProgramLog } from './logger.js';
import { withPresets } from './presets.js';
import { version } from './program.js';

/** A gateway, in one process or in several. */
export interface Served {
  readonly settings: GatewaySettings;
  /** Paths of what the configuration was read from, besides its own. */
  files(): readonly string[];
  /** Reads the configuration again. */
  reload(): void;
  /** Replaces the processes that serve, if there are others than this one. */
  roll?(): void;
  /** Resolves with its URL. @throws an error that says what a user can do */
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** Serves in this process. */
export function serveAlone(
  line: CommandLine,
  log: ProgramLog,
  demoUrl: string | undefined,
  socket?: number,
): Served {
  const { logger } = log;
  const reader = new ConfigReader(withPresets);
  let files: readonly string[] = [];
  const load = () => {
    const loaded = loadSource(line, readSource(line, demoUrl), reader);
    ({ files } = loaded);
    return loaded;
  };
  const loaded = load();
  for (const warning of loaded.warnings) logger.warn(warning);
  const gateway = createGateway({
    ...loaded,
    sorted: reader.sorted,
    logger,
    log,
    version: version(),
    socket,
  });
  return {
    settings: loaded.gateway,
    files: () => files,
    reload: () => void gateway.reload(load),
    async listen() {
      const url = await gateway.listen().catch((error: unknown) => {
        throw new Error(listenError(error, { ...loaded.gateway, socket, option: '--port' }), {
          cause: error,
        });
      });
      gateway.server.on('error', (err) => logger.error({ err }, 'the server failed'));
      return url;
    },
    close: () => gateway.close(),
  };
}
