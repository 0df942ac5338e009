import {
  ConfigError,
  type LoadedConfig,
  type ParseOptions,
  parseConfig,
} from '../../../lib/config/load-config.js';

/** Messages of the problems that a configuration has. */
export function problemsOf(text: string, options: ParseOptions = {}): string[] {
  return errorOf(text, options).problems.map(({ message }) => message);
}

/** The error that a configuration is refused with. */
export function errorOf(text: string, options: ParseOptions = {}): ConfigError {
  try {
    parseConfig(text, { env: {}, ...options });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was accepted');
}

/** One API `x` of a configuration that holds these lines below it. */
export function apiOf(lines: string, options: ParseOptions = {}): LoadedConfig {
  return parseConfig(fileOf(lines), { env: {}, ...options });
}

/** A configuration with one API, `x`, that has a target and these lines. */
export function fileOf(lines: string, target = 'target: https://api.example'): string {
  const own = [target, ...lines.split('\n')].filter((line) => line.trim() !== '');
  return `apis:\n  x:\n${own.map((line) => `    ${line}`).join('\n')}\n`;
}
