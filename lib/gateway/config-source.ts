import type { ApiOptions } from '../apis/options.js';
import { ConfigReader } from '../config/config-reader.js';
import { type LoadedConfig, parseConfig, parseConfigFile, readConfigText } from '../config/load-config.js';
import type { CommandLine } from './command-line.js';
import { readTokens, type Tokens } from './tokens.js';

/** A configuration as it was read. Workers load what the primary has put in service, whatever the file holds by then. */
export interface ConfigSource {
  /** `undefined` without a file. */
  readonly text: string | undefined;
  /** Where the demo API listens, if it was started. */
  readonly demoUrl: string | undefined;
}

/** Reads the file. @throws ConfigError */
export function readSource({ config }: CommandLine, demoUrl: string | undefined): ConfigSource {
  return { text: config === undefined ? undefined : readConfigText(config), demoUrl };
}

/** A configuration, and the tokens that open the admin routes. */
export interface LoadedGateway extends LoadedConfig {
  readonly tokens: Tokens;
}

/**
 * Loads what was read; the command line wins over `server` of the file.
 * @param reader of the versions before, of which it uses again what has not changed
 * @throws ConfigError
 */
export function loadSource(
  line: CommandLine,
  source: ConfigSource,
  reader = new ConfigReader(),
): LoadedGateway {
  const loaded = parse(line, source, reader);
  const { gateway } = loaded;
  const { host = gateway.host, port = gateway.port } = line;
  const { tokens, files, warnings } = readTokens(process.env);
  return {
    ...loaded,
    gateway: { ...gateway, host, port, accessLog: line.accessLog || gateway.accessLog },
    tokens,
    files: [...loaded.files, ...files],
    warnings: [...loaded.warnings, ...warnings],
  };
}

function parse(
  { config, demo }: CommandLine,
  { text, demoUrl }: ConfigSource,
  reader: ConfigReader,
): LoadedConfig {
  const env = demoUrl ? { ...process.env, DEMO_URL: demoUrl } : process.env;
  const own: Record<string, ApiOptions> = demo && demoUrl ? { demo: { target: demoUrl } } : {};
  if (config === undefined || text === undefined)
    return parseConfig(JSON.stringify({ apis: own }), { env, format: 'json' });
  const loaded = parseConfigFile(config, text, { env, reader });
  return { ...loaded, config: { ...loaded.config, apis: { ...own, ...loaded.config.apis } } };
}
