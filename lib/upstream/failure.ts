import type { AttemptFailure, Blame, RetryClass } from '../core/attempt.js';
import { ProxyError } from '../core/errors.js';
import { exhaustedHere } from '../core/exhausted-here.js';
import { requestTimeout } from '../core/read-ahead.js';
import type { UploadWait } from './request/body-rules.js';

interface Reading {
  code: ConstructorParameters<typeof ProxyError>[0];
  message: string;
  /** Who caused it, where that is not what its code says. */
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
  message: "The given agent does not support the target's protocol",
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
  ERR_UNESCAPED_CHARACTERS: REQUEST,
  ERR_INVALID_CHAR: UNREADABLE,
  ERR_INVALID_PROTOCOL: WRONG_AGENT,
  UND_ERR_DESTROYED: CLOSED,
  UND_ERR_CLOSED: CLOSED,
  EPROTO: { ...TLS, proxyStatus: 'tls_protocol_error' },
};

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME/;
const TLS_CODE = /^ERR_(TLS|SSL|OSSL)/;

/** undici's messages for a response or a 101 that was not requested. */
const UNREQUESTED = /^bad (response|upgrade)$/;

/** Translates an error of a socket, a parser or a certificate into a failure of the call. */
export function readFailure(error: unknown, staleConnection = false): AttemptFailure {
  if (error instanceof ProxyError) return failureOf(error);
  const reading = read(error);
  const { code, message, by, retryClass, unsent = false, proxyStatus } = reading;
  const failure = failureOf(new ProxyError(code, message, { cause: error, proxyStatus, by }), retryClass);
  return { ...failure, unsent, staleConnection: staleConnection && reading === RESET };
}

/** A failure that is described already. */
export function failureOf(error: ProxyError, retryClass?: RetryClass): AttemptFailure {
  return { kind: 'failure', error, by: error.by, retryClass, unsent: false, staleConnection: false };
}

/** A response that its target broke off because the client did not read it. */
export function slowReaderFailure({ error: { code, cause } }: AttemptFailure): AttemptFailure {
  const message = 'The upstream gave up on a client that read too slowly';
  return failureOf(new ProxyError(code, message, { by: 'client', cause }));
}

/** A failure caused by the egress proxy of an attempt. */
export function proxyFailure(message: string): AttemptFailure {
  return failureOf(new ProxyError('ERR_PROXY_CONNECT', message));
}

/**
 * An attempt whose head did not arrive by its deadline.
 * @param by `self` if waits on this side had left too little time
 */
export function timeoutFailure(afterMs: number, by: 'target' | 'self' = 'target'): AttemptFailure {
  const within = `within ${Math.round(afterMs)} ms`;
  const message =
    by === 'target'
      ? `The upstream did not respond ${within}`
      : `The upstream did not respond ${within}, all that was left of the call's time`;
  return failureOf(new ProxyError('ERR_UPSTREAM_TIMEOUT', message, { by }), 'timeout');
}

/** An attempt that got none of this process' own connections. */
export function queueFailure(afterMs: number): AttemptFailure {
  const message = `No connection to the upstream was free within ${Math.round(afterMs)} ms`;
  return { ...failureOf(noConnection(message), 'socket'), unsent: true };
}

/** Nothing was sent, for reasons on this side. */
export function noConnection(message: string): ProxyError {
  return new ProxyError('ERR_NO_CONNECTION', message, { retryAfterMs: 1000 });
}

/** An attempt for which no connection was made in time. */
export function connectFailure(by: 'target' | 'self'): AttemptFailure {
  const { code, message, retryClass, proxyStatus } = CONNECT_TIMEOUT;
  const error = new ProxyError(code, message, { by, proxyStatus: by === 'target' ? proxyStatus : undefined });
  return { ...failureOf(error, retryClass), unsent: true };
}

/** An upload that came to a halt. */
export function uploadFailure(awaits: UploadWait, requestMs: number): AttemptFailure {
  if (awaits === 'client') return failureOf(requestTimeout());
  if (awaits === 'target') return timeoutFailure(requestMs);
  return failureOf(new ProxyError('ERR_INTERNAL', 'The stream given as options.buffer has stopped'));
}

/** A response whose head cannot be passed on. @param problem what is wrong with it */
export function unreadableFailure(problem: string): AttemptFailure {
  const message = `The upstream sent an unreadable response: ${problem}`;
  return failureOf(new ProxyError('ERR_UPSTREAM_PROTOCOL', message));
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
  // `fixRequestBody` throws this for form fields that would break out of a multipart body.
  if (code.startsWith('HPM_ERR_INVALID_MULTIPART')) return REQUEST;
  if (code === 'UND_ERR_SOCKET' && UNREQUESTED.test(error.message)) return UNREADABLE;
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (known) return known;
  if (CERTIFICATE.test(code)) return { ...TLS, proxyStatus: 'tls_certificate_error' };
  if (TLS_CODE.test(code)) return TLS;
  return INTERNAL;
}
