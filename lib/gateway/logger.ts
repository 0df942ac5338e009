import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { isCredentialHeader } from '../core/credential-headers.js';
import { withoutUser } from '../core/redact.js';
import { LogStream, standardError } from './log-stream.js';

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

/**
 * Logs to standard error. Standard output holds only the line with the URL. Nothing waits for a line to be written, and
 * what waits is written at the exit: the last lines before a crash are those that matter.
 */
export function programLogger(level: string): Logger {
  const stream = new LogStream(standardError(), (dropped) =>
    logger.warn({ dropped }, `${dropped} log lines could not be written`),
  );
  const logger = gatewayLogger(level, stream);
  process.on('exit', () => stream.flushSync());
  // Node would write them to standard error itself, and wait for its reader.
  process.removeAllListeners('warning').on('warning', (err) => logger.warn({ err }, err.message));
  return logger;
}

/** An error without the credentials of URLs in its message and stack. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, code } = stdSerializers.err(error);
  return { type, message: withoutUser(message), code, stack: withoutUser(stack) };
}
