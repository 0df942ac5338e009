import {
  type DestinationStream,
  destination,
  type Logger,
  type LoggerOptions,
  pino,
  stdSerializers,
} from 'pino';
import { isCredentialHeader } from '../core/credential-headers.js';
import { withoutUser } from '../core/redact.js';

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
