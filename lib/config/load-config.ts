import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { joinPath } from '../core/options.js';
import { assemble, type LoadedConfig } from './assemble.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { type ConfigFormat, readDocument } from './document.js';
import { type Environment, substitute } from './environment.js';

export type { LoadedConfig } from './assemble.js';
export { ConfigError, type ConfigProblem } from './config-error.js';

/** Options of {@link loadConfig}. */
export interface LoadOptions {
  /**
   * Environment variables for `${NAME}`.
   * @default process.env
   */
  env?: Environment;
}

/** Options of {@link parseConfig}. */
export interface ParseOptions extends LoadOptions {
  /** @default 'yaml' */
  format?: ConfigFormat;
  /**
   * Name of the text in error messages.
   * @default 'the configuration'
   */
  source?: string;
  /**
   * Folder that relative paths of certificates and keys start from.
   * @default the current directory
   */
  folder?: string;
}

/**
 * Reads a configuration file: YAML, or JSON if its name ends in `.json`. Any string may contain `${NAME}` and
 * `${NAME:-default}`; paths of certificates and keys are relative to the file. The names and units of the OpenResty
 * gateway are accepted too.
 *
 * @throws ConfigError that lists every problem with its path, its line, the value received and the nearest name
 */
export function loadConfig(path: string, { env }: LoadOptions = {}): LoadedConfig {
  const format = /\.json$/i.test(path) ? 'json' : 'yaml';
  return parseConfig(readText(path), { env, format, source: basename(path), folder: dirname(path) });
}

/** Like {@link loadConfig}, from a text. @throws ConfigError */
export function parseConfig(
  text: string,
  { env = process.env, format = 'yaml', source = 'the configuration', folder = '.' }: ParseOptions = {},
): LoadedConfig {
  const document = readDocument(text, format, source);
  const { loaded, problems } = assemble(substitute(document.value, env), { env, folder });
  if (problems.length === 0) return loaded;
  throw new ConfigError(
    source,
    problems.map(({ at, message }): ConfigProblem => {
      const line = document.lineOf(at);
      return { path: joinPath(at), message, ...(line === undefined ? {} : { line }) };
    }),
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a directory; give the path of a file',
  EACCES: 'cannot be read by this user',
};

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const encoded = code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
    const reason = encoded ? 'is not UTF-8 text' : (REASONS[code] ?? `cannot be read (${code})`);
    throw new ConfigError(path, [{ path: '', message: reason }]);
  }
}
