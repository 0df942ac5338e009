/**
 * Whose doing a failure is: the API's, the egress proxy's, that of the client, or of this process. It is set where the
 * failure arises, since neither an error code nor a status says.
 */
export type Blame = 'target' | 'egress' | 'client' | 'self';

/** Every {@link Blame}. */
export const BLAMES = ['target', 'egress', 'client', 'self'] as const satisfies readonly Blame[];

/**
 * Codes of the errors a client, an error handler or a log can meet. Each has one HTTP status, one `Proxy-Status` error
 * type where RFC 9209 §2.3 knows the situation, and whose doing it is unless the error itself says otherwise.
 */
const CODES = {
  ERR_UNKNOWN_API: { status: 404, type: 'destination_not_found', by: 'client' },
  ERR_BODY_REQUIRED: { status: 400, type: 'http_request_error', by: 'client' },
  ERR_INVALID_JSON: { status: 400, type: 'http_request_error', by: 'client' },
  ERR_BAD_REQUEST: { status: 400, type: 'http_request_error', by: 'client' },
  ERR_FORBIDDEN: { status: 403, type: 'http_request_denied', by: 'client' },
  ERR_BODY_TOO_LARGE: { status: 413, type: 'http_request_error', by: 'client' },
  ERR_RATE_LIMITED: { status: 429, type: 'http_request_denied', by: 'self' },
  ERR_BODY_CONSUMED: { status: 500, type: 'proxy_configuration_error', by: 'self' },
  ERR_INTERNAL: { status: 500, type: 'proxy_internal_error', by: 'self' },
  ERR_CIRCUIT_OPEN: { status: 503, type: 'destination_unavailable', by: 'self' },
  ERR_NO_PROXY: { status: 503, type: 'destination_ip_unroutable', by: 'egress' },
  ERR_QUEUE_FULL: { status: 503, type: 'connection_limit_reached', by: 'self' },
  ERR_SHUTTING_DOWN: { status: 503, type: 'destination_unavailable', by: 'self' },
  ERR_UPSTREAM_CONNECT: { status: 502, type: 'destination_ip_unroutable', by: 'target' },
  ERR_UPSTREAM_TLS: { status: 502, type: 'tls_protocol_error', by: 'target' },
  ERR_UPSTREAM_RESET: { status: 502, type: 'connection_terminated', by: 'target' },
  ERR_UPSTREAM_PROTOCOL: { status: 502, type: 'http_protocol_error', by: 'target' },
  ERR_PROXY_CONNECT: { status: 502, type: 'destination_unavailable', by: 'egress' },
  ERR_UPSTREAM_TIMEOUT: { status: 504, type: 'http_response_timeout', by: 'target' },
} as const satisfies Record<string, { status: number; type: string; by: Blame }>;

/** Types of errors that arise elsewhere than their code says. */
const TYPE_BY: Readonly<Record<Blame, string | undefined>> = {
  target: undefined,
  egress: undefined,
  client: 'http_request_error',
  self: 'proxy_internal_error',
};

/** Code of a {@link ProxyError}; the README's table says when each is used. */
export type ErrorCode = keyof typeof CODES;

/** What may be said about a {@link ProxyError} beyond its code and message. */
export interface ProxyErrorDetails {
  /** When the caller may come back, in milliseconds from now; sent as `Retry-After`, in whole seconds. */
  retryAfterMs?: number;
  /**
   * Whose doing it is.
   * @default what its code says
   */
  by?: Blame;
  /** The error below this one. It never reaches a client. */
  cause?: unknown;
  /** Further fields that the client gets. */
  headers?: Readonly<Record<string, string>>;
  /** `Proxy-Status` error type of RFC 9209 §2.3 where it is more exact than the code's own. */
  proxyStatus?: string;
}

/**
 * The one error type of the package. `status`, `headers` and `expose` are read by Express' own error
 * handler, so that `Retry-After` and the status arrive at the client without any code of the application.
 */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ErrorCode;
  /** Whose doing it is: a breaker counts the target's alone. */
  readonly by: Blame;
  /** HTTP status the client gets. */
  readonly status: number;
  /** Fields the client gets: `Proxy-Status`, `Retry-After` where a time is known, and those of the details. */
  readonly headers: Readonly<Record<string, string>>;
  /** Error type of RFC 9209 §2.3, as in `Proxy-Status`. */
  readonly proxyStatus: string;
  /** The message holds no secret and may be shown to the client. */
  readonly expose = true;

  constructor(code: ErrorCode, message: string, details: ProxyErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const { status, type, by } = CODES[code];
    this.code = code;
    this.by = details.by ?? by;
    this.status = status;
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

/** Thrown when a factory is called with an option it cannot honour. */
export class InvalidOptionError extends TypeError {
  override readonly name = 'InvalidOptionError';
  readonly code = 'ERR_INVALID_OPTION';
  /** Where the option stands, as `breaker.failureRatio`. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** Error for one option: where it stands, what it must be, what it was. */
export function invalidOption(path: string, rule: string, received: unknown): InvalidOptionError {
  return new InvalidOptionError(path, `${path} ${rule}; received ${describe(received)}`);
}

/** A value as an error message may show it: short, on one line, with no credential of a URL in it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    const shown = value.replace(/\/\/[^/@\s]*@/g, '//***@');
    return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 77)}...` : shown);
  }
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
