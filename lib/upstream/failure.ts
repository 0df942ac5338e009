import type { AttemptFailure, RetryClass } from '../core/attempt.js';
import { type Blame, ProxyError } from '../core/errors.js';
import { exhaustedHere } from '../core/exhausted-here.js';

interface Reading {
  code: ConstructorParameters<typeof ProxyError>[0];
  message: string;
  /** Whose doing it is, where its code does not say so already. */
  by?: Blame;
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
const EXHAUSTED: Reading = {
  code: 'ERR_UPSTREAM_CONNECT',
  message: 'This process could not open a connection',
  by: 'self',
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
  message: 'The upstream closed the connection before it responded',
  retryClass: 'connection reset',
};
const HEAD_TIMEOUT: Reading = {
  code: 'ERR_UPSTREAM_TIMEOUT',
  message: 'The upstream did not respond in time',
  retryClass: 'timeout',
};
const BODY_TIMEOUT: Reading = {
  code: 'ERR_UPSTREAM_TIMEOUT',
  message: 'The upstream stopped in the middle of its response',
  proxyStatus: 'connection_read_timeout',
};
const UNREADABLE: Reading = {
  code: 'ERR_UPSTREAM_PROTOCOL',
  message: 'The upstream sent an unreadable response',
};
const REQUEST: Reading = {
  code: 'ERR_BAD_REQUEST',
  message: 'The request cannot be sent to the upstream',
};
const WRONG_AGENT: Reading = {
  code: 'ERR_INTERNAL',
  message: "The given agent is not one for the target's protocol",
};
const INTERNAL: Reading = { code: 'ERR_INTERNAL', message: 'The call failed inside the proxy' };
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
export function readFailure(error: unknown, staleConnection = false): AttemptFailure {
  if (error instanceof ProxyError) return failureOf(error);
  const reading = read(error);
  const { code, message, by, retryClass, unsent = false, proxyStatus } = reading;
  const told = new ProxyError(code, message, { cause: error, proxyStatus, by });
  return {
    kind: 'failure',
    error: told,
    by: told.by,
    retryClass,
    unsent,
    staleConnection: staleConnection && reading === RESET,
  };
}

/** A failure that is in words already. @param by where it is another's doing than the error says */
export function failureOf(error: ProxyError, by: Blame = error.by, retryClass?: RetryClass): AttemptFailure {
  const told = by === error.by ? error : blamedOn(by, error);
  return { kind: 'failure', error: told, by, retryClass, unsent: false, staleConnection: false };
}

function blamedOn(by: Blame, { code, message, cause }: ProxyError): ProxyError {
  return new ProxyError(code, message, { by, cause });
}

/** What the egress proxy of an attempt is to blame for. */
export function proxyFailure(message: string): AttemptFailure {
  return failureOf(new ProxyError('ERR_PROXY_CONNECT', message), 'egress');
}

/** An attempt that had no head by its deadline. */
export function timeoutFailure(afterMs: number): AttemptFailure {
  const message = `The upstream did not respond within ${Math.round(afterMs)} ms`;
  return failureOf(new ProxyError('ERR_UPSTREAM_TIMEOUT', message), 'target', 'timeout');
}

/** A response whose head cannot be passed on. @param problem what is wrong with it */
export function unreadableFailure(problem: string): AttemptFailure {
  const message = `The upstream sent an unreadable response: ${problem}`;
  return failureOf(new ProxyError('ERR_UPSTREAM_PROTOCOL', message), 'target');
}

function read(error: unknown): Reading {
  if (!(error instanceof Error)) return INTERNAL;
  if (exhaustedHere(error)) return EXHAUSTED;
  // Each address of the target has failed: the one that tells of the target counts.
  if (error instanceof AggregateError) {
    const told = error.errors.map(read).find((reading) => reading !== EXHAUSTED && reading !== INTERNAL);
    if (told) return told;
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) return UNREADABLE;
  // What `fixRequestBody` says of fields that would break out of a multipart body.
  if (code.startsWith('HPM_ERR_INVALID_MULTIPART')) return REQUEST;
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (known) return known;
  if (CERTIFICATE.test(code)) return { ...TLS, proxyStatus: 'tls_certificate_error' };
  if (TLS_CODE.test(code)) return TLS;
  return INTERNAL;
}
