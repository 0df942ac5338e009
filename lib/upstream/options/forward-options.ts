import type { Options } from 'http-proxy-middleware';

/** What `forward()` adds to http-proxy-middleware's options. */
export interface TransportOptions {
  /**
   * What carries the call: undici's pools, or Node's own client for the options that need it. `'auto'`
   * takes undici wherever it can honour all options given; one that a forced transport cannot honour is
   * refused.
   * @default 'auto'
   */
  transport?: 'auto' | 'undici' | 'node';
  /**
   * Connections to each target (and exit) at most; more calls wait for one.
   * @default 256
   */
  connections?: number;
  /**
   * How long an unused connection is kept, where the target does not ask for less; undici transport.
   * @default 4000
   */
  keepAliveTimeoutMs?: number;
  /**
   * Bound on TCP and TLS set-up; undici transport.
   * @default 10000
   */
  connectTimeoutMs?: number;
  /**
   * Longest pause between two chunks of a body; 0 is no limit.
   * @default 30000
   */
  bodyTimeoutMs?: number;
  /**
   * Bound on one attempt over queue, connect, TLS, upload and head; 0 is no limit. A `breaker()` in front
   * sets its own.
   * @default 0
   */
  requestTimeoutMs?: number;
  /**
   * Largest head of an answer; undici transport.
   * @default 65536
   */
  maxResponseHeaderBytes?: number;
  /**
   * Bytes of request bodies that all calls together keep to send again.
   * @default 67108864
   */
  maxKeptBytes?: number;
  /**
   * Which of the client's fields reach the target: `true`, all but hop-by-hop; `false`, only those HTTP
   * itself needs (`Accept…`, `Content-…`, `If-…`, `Range`, `Cache-Control`, `User-Agent`); a list, those and the named.
   * @default true
   */
  forwardHeaders?: boolean | string[];
  /**
   * Whether `Cookie` reaches the target and its `Set-Cookie` the client.
   * @default true
   */
  forwardCookies?: boolean;
  /**
   * Origins beside the target's that `followRedirects` may lead to, as `['https://files.example.com']`; `'*'` is every
   * one. Credentials and the fields of `headers` stay behind. Exits of `proxyRotate()` follow within the origin alone.
   * @default [] - a redirect to another origin goes to the client
   */
  redirectOrigins?: '*' | string[];
  /** Method sent to the target in place of the client's. */
  method?: string;
  /** Certificates that are trusted beside the system's; node transport. */
  ca?: string | Buffer | (string | Buffer)[];
  /** Fields added to every call, a list as that many lines; they win over the client's, in any letter case. */
  headers?: Record<string, string | string[]>;
}

/** Options of `forward()`: http-proxy-middleware's, and those of the transports. */
export interface ForwardOptions extends Omit<Options, 'headers'>, TransportOptions {}
