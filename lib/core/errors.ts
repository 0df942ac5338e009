import { redactPath } from './redact.js';

/**
 * Who caused a failure: the API, the egress proxy, the client, or this process. It is set where the failure occurs,
 * since neither an error code nor a status tells.
 */
export type Blame = 'target' | 'egress' | 'client' | 'self';

/** Every {@link Blame}. */
export const BLAMES = ['target', 'egress', 'client', 'self'] as const satisfies readonly Blame[];

/**
 * Codes of the errors that a client, an error handler or a log can see. Each has one HTTP status, a `Proxy-Status` error
 * type if RFC 9209 §2.3 defines a matching one, and who caused it unless the error itself says otherwise.
 */
const CODES = {
  ERR_UNKNOWN_API: { status: 404, type: 'destination_not_found', by: 'client' },
  ERR_BODY_REQUIRED: { status: 400, type: 'http_request_error', by: 'client' },
  ERR_INVALID_JSON: { status: 400, type: 'http_request_error', by: 'client' },
  ERR_BAD_REQUEST: { status: 400, type: 'http_request_error', by: 'client' },
  ERR_FORBIDDEN: { status: 403, type: 'http_request_denied', by: 'client' },
  ERR_METHOD_NOT_ALLOWED: { status: 405, type: 'http_request_denied', by: 'client' },
  ERR_REQUEST_TIMEOUT: { status: 408, type: 'http_request_error', by: 'client' },
  ERR_BODY_TOO_LARGE: { status: 413, type: 'http_request_error', by: 'client' },
  ERR_RATE_LIMITED: { status: 429, type: 'http_request_denied', by: 'self' },
  ERR_BODY_CONSUMED: { status: 500, type: 'proxy_configuration_error', by: 'self' },
  ERR_INTERNAL: { status: 500, type: 'proxy_internal_error', by: 'self' },
  ERR_TRANSFER_CODING: { status: 501, type: 'http_request_error', by: 'client' },
  ERR_CIRCUIT_OPEN: { status: 503, type: 'destination_unavailable', by: 'self' },
  ERR_CONCURRENCY_LIMIT: { status: 503, type: 'connection_limit_reached', by: 'self' },
  ERR_NO_PROXY: { status: 503, type: 'destination_ip_unroutable', by: 'egress' },
  ERR_NO_CONNECTION: { status: 503, type: 'connection_limit_reached', by: 'self' },
  ERR_QUEUE_FULL: { status: 503, type: 'connection_limit_reached', by: 'self' },
  ERR_SHUTTING_DOWN: { status: 503, type: 'destination_unavailable', by: 'self' },
  ERR_UPSTREAM_CONNECT: { status: 502, type: 'destination_ip_unroutable', by: 'target' },
  ERR_UPSTREAM_TLS: { status: 502, type: 'tls_protocol_error', by: 'target' },
  ERR_UPSTREAM_RESET: { status: 502, type: 'connection_terminated', by: 'target' },
  ERR_UPSTREAM_PROTOCOL: { status: 502, type: 'http_protocol_error', by: 'target' },
  ERR_PROXY_CONNECT: { status: 502, type: 'destination_unavailable', by: 'egress' },
  ERR_LOOP_DETECTED: { status: 508, type: 'proxy_loop_detected', by: 'self' },
  ERR_UPSTREAM_TIMEOUT: { status: 504, type: 'http_response_timeout', by: 'target' },
} as const satisfies Record<string, { status: number; type: string; by: Blame }>;

/** The status that an error of this code has. */
export const statusOfCode = (code: ErrorCode): number => CODES[code].status;

/** Every code. */
export const ERROR_CODES = Object.keys(CODES) as readonly (keyof typeof CODES)[];

/** `Proxy-Status` error types of errors that another has caused than their code says. */
const TYPE_BY: Readonly<Record<Blame, string | undefined>> = {
  target: undefined,
  egress: undefined,
  client: 'http_request_error',
  self: 'proxy_internal_error',
};

/** Code of a {@link ProxyError}; the table in the README says when each is used. */
export type ErrorCode = keyof typeof CODES;

/** Details of a {@link ProxyError} beyond its code and message. */
export interface ProxyErrorDetails {
  /** Milliseconds until the caller may try again; sent as `Retry-After`, in whole seconds. */
  retryAfterMs?: number | undefined;
  /**
   * Who caused it.
   * @default what its code says
   */
  by?: Blame | undefined;
  /** The underlying error. It is never sent to a client. */
  cause?: unknown;
  /** More headers for the client. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** `Proxy-Status` error type of RFC 9209 §2.3, if one is more exact than the code's own. */
  proxyStatus?: string | undefined;
}

/** The same in each copy of the package. */
const BRAND = Symbol.for('resilient-proxy-out.ProxyError');
const ORDINARY = Function.prototype[Symbol.hasInstance];

/**
 * The one error type of the package. Express' own error handler reads `status`, `headers` and `expose`, so the client
 * gets `Retry-After` and the status without any code in the application.
 */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ErrorCode;
  /** Who caused it: a breaker counts only the target's failures. */
  readonly by: Blame;
  /** HTTP status the client gets. */
  readonly status: number;
  /** Milliseconds until the caller may try again; `undefined` where nobody knows. `Retry-After` has it in whole seconds. */
  readonly retryAfterMs: number | undefined;
  /** Headers for the client: `Proxy-Status`, `Retry-After` if a time is known, and those of the details. */
  readonly headers: Readonly<Record<string, string>>;
  /** Error type of RFC 9209 §2.3, as in `Proxy-Status`. */
  readonly proxyStatus: string;
  /** The message holds no secret and may be sent to the client. */
  readonly expose = true;

  static {
    Object.defineProperty(ProxyError.prototype, BRAND, { value: true });
    // One process may have two copies, such as a bundled one beside an installed one: `instanceof` knows the errors of both.
    Object.defineProperty(ProxyError, Symbol.hasInstance, {
      value(this: unknown, value: unknown): boolean {
        if (ORDINARY.call(this, value)) return true;
        return this === ProxyError && typeof value === 'object' && value !== null && BRAND in value;
      },
    });
  }

  constructor(code: ErrorCode, message: string, details: ProxyErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const { status, type, by } = CODES[code];
    this.code = code;
    this.by = details.by ?? by;
    this.status = status;
    this.retryAfterMs = details.retryAfterMs;
    this.proxyStatus = details.proxyStatus ?? ((this.by !== by && TYPE_BY[this.by]) || type);
    const headers: Record<string, string> = {
      ...details.headers,
      'Proxy-Status': `resilient-proxy-out; error=${this.proxyStatus}`,
    };
    if (details.retryAfterMs !== undefined) {
      headers['Retry-After'] = String(Math.max(1, Math.ceil(details.retryAfterMs / 1000)));
    }
    this.headers = headers;
  }
}

/** For a call that comes, or still waits, when what it needs is closed: another process may serve it soon. */
export function shuttingDown(message = 'The proxy is shutting down'): ProxyError {
  return new ProxyError('ERR_SHUTTING_DOWN', message, { retryAfterMs: 1000 });
}

/** Thrown when a factory is called with an option that is not valid. */
export class InvalidOptionError extends TypeError {
  override readonly name = 'InvalidOptionError';
  readonly code = 'ERR_INVALID_OPTION';
  /** Path of the option, for example `breaker.failureRatio`. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** Error for one option: its path, the rule, and the value received. */
export function invalidOption(path: string, rule: string, received: unknown): InvalidOptionError {
  return new InvalidOptionError(path, `${path} ${rule}; received ${describe(received)}`);
}

/** A value as shown in an error message: short, on one line, without credentials of a URL. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    const shown = withoutCredentials(value);
    return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 77)}...` : shown);
  }
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** More of a value is not looked at. */
const MAX_DESCRIBED = 1000;

// Whatever stands before an @: a password that is not encoded may hold a slash, and a URL may lack its scheme. The path of
// a target may hold a token, as that of Telegram does.
const withoutCredentials = (text: string): string =>
  redactPath(
    text
      .slice(0, MAX_DESCRIBED)
      .replace(
        /((?:[a-z][a-z0-9+.-]{0,20}:)?\/\/)\S*@|(?<!\S)\S*:\S*@/gi,
        (_match, scheme = '') => `${scheme}***@`,
      )
      .replace(/\?\S*=\S*/g, '?***'),
  );
