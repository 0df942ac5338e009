import { basename, dirname } from 'node:path';
import type { LoadedConfig } from './assemble.js';
import { faultOf, readBoundedFile } from './bounded-file.js';
import { ConfigError } from './config-error.js';
import { ConfigReader } from './config-reader.js';
import type { ConfigFormat } from './document.js';
import type { Environment } from './environment.js';

export type { LoadedConfig } from './assemble.js';
export { ConfigError, type ConfigProblem } from './config-error.js';

/** Options of {@link loadConfig}. */
export interface LoadOptions {
  /**
   * Environment variables for `${NAME}`.
   * @default process.env
   */
  env?: Environment | undefined;
}

/** Options of {@link parseConfig}. */
export interface ParseOptions extends LoadOptions {
  /** @default 'yaml' */
  format?: ConfigFormat | undefined;
  /**
   * Name of the text in error messages.
   * @default 'the configuration'
   */
  source?: string | undefined;
  /**
   * Folder that relative paths of certificates, keys and other files start from.
   * @default the current directory
   */
  folder?: string | undefined;
}

/**
 * Reads a configuration file: YAML, or JSON if its name ends in `.json`. Any string may contain `${NAME}`,
 * `${NAME:-default}` and `${file:PATH}`, the text of a file; paths are relative to the file. The names and units of the OpenResty
 * gateway are accepted too.
 *
 * @throws ConfigError that lists every problem with its path, its line, the value received and the nearest name
 */
export function loadConfig(path: string, options: LoadOptions = {}): LoadedConfig {
  return parseConfigFile(path, readConfigText(path), options);
}

/** Like {@link loadConfig}, from a text that the file has held. @throws ConfigError */
export function parseConfigFile(
  path: string,
  text: string,
  { env = process.env, reader = new ConfigReader() }: LoadOptions & { reader?: ConfigReader } = {},
): LoadedConfig {
  const format = /\.json$/i.test(path) ? 'json' : 'yaml';
  return reader.read({ text, env, format, source: basename(path), folder: dirname(path) });
}

/** Like {@link loadConfig}, from a text. @throws ConfigError */
export function parseConfig(
  text: string,
  { env = process.env, format = 'yaml', source = 'the configuration', folder = '.' }: ParseOptions = {},
): LoadedConfig {
  return new ConfigReader().read({ text, env, format, source, folder });
}

/** Far above the largest configuration, and far below what fills the memory. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Text of a configuration file. @throws ConfigError */
export function readConfigText(path: string): string {
  try {
    const bytes = readBoundedFile(path, { maxBytes: MAX_CONFIG_BYTES, pipe: true });
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ConfigError(path, [{ path: '', message: faultOf(error, MAX_CONFIG_BYTES) }]);
  }
}
