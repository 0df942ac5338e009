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

const SECRET_FIELDS = [
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
  redact: { paths: SECRET_FIELDS.flatMap(places), censor: '***' },
  serializers: { err: describeError, cause: describeError },
};

/**
 * Logs JSON lines, with credentials left out, to standard error: standard output holds the one line with the
 * URL. Each is written at once, for what is logged last before a crash is what one wants to read.
 */
export function gatewayLogger(
  level = 'info',
  stream: DestinationStream = destination({ dest: 2, sync: true }),
): Logger {
  return pino({ ...OPTIONS, level }, stream);
}

/** An error without the credentials that a URL in its texts may hold. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, code } = stdSerializers.err(error);
  return { type, message: withoutUser(message), code, stack: withoutUser(stack) };
}
