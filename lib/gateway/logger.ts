import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { isCredentialHeader } from '../core/credential-headers.js';
import { redactText } from '../core/redact.js';
import { type DroppedLines, type LogStatus, LogStream } from './log-stream.js';
import { standardError } from './log-target.js';
import { prettyLines } from './pretty-line.js';
import type { LogFormat } from './program.js';

export type { Logger } from 'pino';

/** Masked wherever they are; in an object called `headers` it is every header that carries a credential. */
const SECRET = [
  ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'api-key', 'x-auth-token'],
];
const HEADERS = ['headers.*', '*.headers.*'];

const places = (name: string) => [`["${name}"]`, `*["${name}"]`];

function censor(value: unknown, path: readonly string[]): unknown {
  if (path.at(-2) !== 'headers') return MASK;
  return isCredentialHeader(path.at(-1) ?? '') ? MASK : value;
}

const MASK = '***';

const OPTIONS: LoggerOptions = {
  base: { name: 'resilient-proxy-out' },
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: (label) => ({ level: label }) },
  redact: { paths: [...SECRET.flatMap(places), ...HEADERS], censor },
  serializers: { err: describeError, cause: describeError },
};

/** Logs JSON lines, without credentials. */
export function gatewayLogger(level: string, stream: DestinationStream): Logger {
  return pino({ ...OPTIONS, level }, stream);
}

/** The log of the program. */
export interface ProgramLog {
  readonly logger: Logger;
  /** Writes whole lines of another process among its own. */
  pass(lines: Buffer): void;
  status(): LogStatus;
}

/**
 * Logs to standard error. Standard output holds only the line with the URL. Nothing waits for a line to be written, and
 * what waits is written at the exit: the last lines before a crash are those that matter.
 */
export function programLog(level: string, format: LogFormat): ProgramLog {
  const recovered = (lines: DroppedLines): void =>
    logger.warn(lines, `${lines.dropped} log lines could not be written: ${reasonOf(lines)}`);
  const stream = new LogStream(standardError(), { recovered });
  const pretty = format === 'pretty' && { colors: showsColors() };
  const shown: DestinationStream = pretty
    ? { write: (line) => stream.write(prettyLines(line, pretty.colors)) }
    : stream;
  const logger = gatewayLogger(level, shown);
  process.on('exit', () => stream.flushSync());
  // Node would write them to standard error itself, and wait for its reader.
  process.removeAllListeners('warning').on('warning', (err) => logger.warn({ err }, err.message));
  const pass = (lines: Buffer): void => (pretty ? shown.write(lines.toString()) : stream.write(lines));
  return { logger, pass, status: () => stream.status() };
}

/** By the customs of terminals; see https://no-color.org. */
const showsColors = (): boolean => isatty(2) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

const reasonOf = ({ problem }: DroppedLines): string =>
  problem === 'slow reader' ? 'their reader did not read' : `writing failed with ${problem}`;

/** An error without credentials in its message and stack. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, code } = stdSerializers.err(error);
  return { type, message: redactText(message), code, stack: redactText(stack) };
}
