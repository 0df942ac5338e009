import {
  type DestinationStream,
  destination,
  type Logger,
  type LoggerOptions,
  pino,
  stdSerializers,
} from 'pino';
import { withoutUser } from '../core/redact.js';

export type { Logger } from 'pino';

const SECRET_HEADERS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'api-key',
  'x-auth-token',
];

const places = (name: string) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`];

const OPTIONS: LoggerOptions = {
  base: { name: 'resilient-proxy-out' },
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: (label) => ({ level: label }) },
  redact: { paths: SECRET_HEADERS.flatMap(places), censor: '***' },
  serializers: { err: describeError, cause: describeError },
};

/**
 * Logs JSON lines to standard error, without credentials. Standard output holds only the line with the URL. Each line
 * is written synchronously: the last ones before a crash are those that matter.
 */
export function gatewayLogger(
  level = 'info',
  stream: DestinationStream = destination({ dest: 2, sync: true }),
): Logger {
  return pino({ ...OPTIONS, level }, stream);
}

/** An error without the credentials of URLs in its message and stack. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, code } = stdSerializers.err(error);
  return { type, message: withoutUser(message), code, stack: withoutUser(stack) };
}
