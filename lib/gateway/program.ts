import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { UsageError } from './command-line.js';

export const PROGRAM = 'resilient-proxy-out';

/** Version of the package. */
export function version(): string {
  // By the package's own name: sources and built files lie at different depths.
  const { version }: { version?: unknown } = createRequire(import.meta.url)(
    'resilient-proxy-out/package.json',
  );
  return String(version);
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Level that is logged from. @throws UsageError */
export function logLevel(): string {
  const level = process.env.LOG_LEVEL || 'info';
  if (LEVELS.includes(level)) return level;
  throw new UsageError(`LOG_LEVEL must be one of ${LEVELS.join(', ')}; received ${JSON.stringify(level)}`);
}

const FORMATS = ['json', 'pretty'] as const;

/** How log lines look. */
export type LogFormat = (typeof FORMATS)[number];

/** JSON for programs; in a terminal lines for somebody who reads them. @throws UsageError */
export function logFormat(): LogFormat {
  const given = process.env.LOG_FORMAT;
  if (!given) return isatty(2) ? 'pretty' : 'json';
  const format = FORMATS.find((one) => one === given);
  if (format) return format;
  throw new UsageError(`LOG_FORMAT must be json or pretty; received ${JSON.stringify(given)}`);
}
