import { ProxyError } from '../core/errors.js';
import type { AttemptOutcome, RetryClass } from '../core/exchange.js';

type Failure = Extract<AttemptOutcome, { kind: 'failure' }>;

interface Reading {
  code: ConstructorParameters<typeof ProxyError>[0];
  message: string;
  retryClass?: RetryClass;
  unsent?: boolean;
  proxyStatus?: string;
}

const REFUSED: Reading = {
  code: 'ERR_UPSTREAM_CONNECT',
  message: 'The upstream refused the connection',
  retryClass: 'connection refused',
  unsent: true,
  proxyStatus: 'connection_refused',
};
const NOT_FOUND: Reading = {
  code: 'ERR_UPSTREAM_CONNECT',
  message: "The upstream's host name was not found",
  retryClass: 'host not found',
  unsent: true,
  proxyStatus: 'dns_error',
};
const UNREACHABLE: Reading = {
  code: 'ERR_UPSTREAM_CONNECT',
  message: 'The upstream cannot be reached',
  retryClass: 'socket',
  unsent: true,
};
const CONNECT_TIMEOUT: Reading = {
  code: 'ERR_UPSTREAM_TIMEOUT',
  message: 'The connection to the upstream took too long',
  retryClass: 'timeout',
  unsent: true,
  proxyStatus: 'connection_timeout',
};
const RESET: Reading = {
  code: 'ERR_UPSTREAM_RESET',
  message: 'The upstream closed the connection before it had answered',
  retryClass: 'connection reset',
};
const HEAD_TIMEOUT: Reading = {
  code: 'ERR_UPSTREAM_TIMEOUT',
  message: 'The upstream did not answer in time',
  retryClass: 'timeout',
};
const BODY_TIMEOUT: Reading = {
  code: 'ERR_UPSTREAM_TIMEOUT',
  message: 'The upstream stopped in the middle of its answer',
  proxyStatus: 'connection_read_timeout',
};
const UNREADABLE: Reading = {
  code: 'ERR_UPSTREAM_PROTOCOL',
  message: 'The upstream sent an unreadable answer',
};
const REQUEST: Reading = { code: 'ERR_BAD_REQUEST', message: 'The request cannot be sent to the upstream' };
const WRONG_AGENT: Reading = {
  code: 'ERR_INTERNAL',
  message: "The agent given is none for the target's protocol",
};
const CLOSED: Reading = { code: 'ERR_SHUTTING_DOWN', message: 'The proxy is shutting down' };
const TLS: Reading = { code: 'ERR_UPSTREAM_TLS', message: 'No trusted TLS connection to the upstream' };

const BY_CODE: Readonly<Record<string, Reading>> = {
  ECONNREFUSED: REFUSED,
  ENOTFOUND: NOT_FOUND,
  EAI_AGAIN: NOT_FOUND,
  EAI_FAIL: NOT_FOUND,
  EAI_NODATA: NOT_FOUND,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  EADDRNOTAVAIL: UNREACHABLE,
  EMFILE: UNREACHABLE,
  ETIMEDOUT: CONNECT_TIMEOUT,
  UND_ERR_CONNECT_TIMEOUT: CONNECT_TIMEOUT,
  ECONNRESET: RESET,
  ECONNABORTED: RESET,
  EPIPE: RESET,
  UND_ERR_SOCKET: RESET,
  UND_ERR_HEADERS_TIMEOUT: HEAD_TIMEOUT,
  ERR_UPSTREAM_UPGRADE_TIMEOUT: HEAD_TIMEOUT,
  UND_ERR_BODY_TIMEOUT: BODY_TIMEOUT,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: UNREADABLE,
  UND_ERR_HEADERS_OVERFLOW: UNREADABLE,
  UND_ERR_INVALID_ARG: REQUEST,
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: REQUEST,
  ERR_HTTP_INVALID_HEADER_VALUE: REQUEST,
  ERR_INVALID_CHAR: UNREADABLE,
  ERR_INVALID_PROTOCOL: WRONG_AGENT,
  UND_ERR_DESTROYED: CLOSED,
  UND_ERR_CLOSED: CLOSED,
  EPROTO: { ...TLS, proxyStatus: 'tls_protocol_error' },
};

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME/;
const TLS_CODE = /^ERR_(TLS|SSL|OSSL)/;

/** What an error of a socket, a parser or a certificate means for the call. */
export function readFailure(error: unknown, staleConnection = false): Failure {
  if (error instanceof ProxyError) return failureOf(error);
  const reading = read(error);
  const { code, message, retryClass, unsent = false, proxyStatus } = reading;
  return {
    kind: 'failure',
    error: new ProxyError(code, message, { cause: error, proxyStatus }),
    retryClass,
    unsent,
    staleConnection: staleConnection && reading === RESET,
  };
}

/** A failure that another stage has already put into words. */
export function failureOf(error: ProxyError, retryClass?: RetryClass): Failure {
  return { kind: 'failure', error, retryClass, unsent: false, staleConnection: false };
}

/** What the exit of an attempt is to blame for. */
export function proxyFailure(message: string): Failure {
  return failureOf(new ProxyError('ERR_PROXY_CONNECT', message));
}

/** An attempt that had no head by its deadline. */
export function timeoutFailure(afterMs: number): Failure {
  const message = `The upstream did not answer within ${Math.round(afterMs)} ms`;
  return failureOf(new ProxyError('ERR_UPSTREAM_TIMEOUT', message), 'timeout');
}

function read(error: unknown): Reading {
  if (!(error instanceof Error)) return internal();
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) return UNREADABLE;
  // What `fixRequestBody` says of fields that would break out of a multipart body.
  if (code.startsWith('HPM_ERR_INVALID_MULTIPART')) return REQUEST;
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (known) return known;
  if (CERTIFICATE.test(code)) return { ...TLS, proxyStatus: 'tls_certificate_error' };
  if (TLS_CODE.test(code)) return TLS;
  return internal();
}

const internal = (): Reading => ({ code: 'ERR_INTERNAL', message: 'The call failed inside the proxy' });
