import type { Options } from 'http-proxy-middleware';

/** What `forward()` adds to http-proxy-middleware's options. */
export interface TransportOptions {
  /**
   * HTTP client that sends the requests. `'undici'` is the faster one, `'node'` serves the http-proxy-middleware
   * options that need Node's own client. `'auto'` takes undici unless an option or a listener needs Node's; a forced
   * client that cannot serve an option is an InvalidOptionError.
   * @default 'auto'
   */
  transport?: 'auto' | 'undici' | 'node';
  /**
   * Most connections to each target, and through each egress proxy; further requests wait for a free one. Raise it when
   * an API is slow and called often.
   * @default 256
   */
  connections?: number;
  /**
   * How long an idle connection is kept open, unless the target asks for less. Set it below the target's own idle
   * timeout. Needs undici.
   * @default 4000
   */
  keepAliveTimeoutMs?: number;
  /**
   * Longest wait for one of our own connections while all `connections` are in use; `0` is no limit. Exceeding it is 503
   * ERR_NO_CONNECTION: nothing was sent, and it does not count against the target. Lower it to fail fast under load.
   * @default the limit of the target, `requestTimeoutMs`
   */
  queueTimeoutMs?: number;
  /**
   * Time limit for the TCP and TLS handshakes. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Through an egress proxy
   * `proxyRotate.connectTimeoutMs` applies too.
   * @default 10000, or `requestTimeoutMs` where that is less
   */
  connectTimeoutMs?: number;
  /**
   * Time limit for the target, from the last byte of the request to the response's headers; `0` is no limit. Exceeding
   * it is 504 ERR_UPSTREAM_TIMEOUT. Neither the wait for a connection nor the client's upload counts. Of this and the
   * limit of a `breaker()` in front the smaller one holds.
   * @default 0
   */
  requestTimeoutMs?: number;
  /**
   * Longest pause in a body; `0` is no limit. A client that pauses in its upload for longer gets 408
   * ERR_REQUEST_TIMEOUT; a response whose target pauses for longer while the client reads is cut off. A body may take
   * as long as it flows. An open WebSocket may be idle for any time.
   * @default 30000
   */
  bodyTimeoutMs?: number;
  /**
   * Longest pause in a response that is a stream of events or lines (`text/event-stream`, `application/x-ndjson` and the
   * like), in place of `bodyTimeoutMs`; `0` is no limit. Exceeding it cuts the stream off, and does not count against
   * the target. Set it to get rid of streams that have died unnoticed.
   * @default none, or `bodyTimeoutMs` where that is set
   */
  streamIdleTimeoutMs?: number;
  /**
   * Largest header section of a response; a larger one is 502 ERR_UPSTREAM_PROTOCOL. Needs undici.
   * @default 65536
   */
  maxResponseHeaderBytes?: number;
  /**
   * Memory for the request bodies that all calls together keep for retries. A body beyond it streams through and is not
   * retried.
   * @default 67108864
   */
  maxKeptBytes?: number;
  /**
   * Which request headers are forwarded. `true`: all except hop-by-hop headers. `false`: only `Accept*`, `Content-*`,
   * `If-*`, `Range`, `Cache-Control`, `User-Agent` and `Sec-WebSocket-*`. A list: those and the ones it names.
   * @default true
   */
  forwardHeaders?: boolean | string[];
  /**
   * Whether the client's `Cookie` reaches the target and the target's `Set-Cookie` reaches the client.
   * @default true
   */
  forwardCookies?: boolean;
  /**
   * Origins that `followRedirects` may follow to besides the target's, such as `['https://files.example.com']`; `'*'`
   * is any. Credentials and `headers` are not sent there. Redirects elsewhere go to the client. With `proxyRotate`,
   * redirects are only followed within the target's origin.
   * @default []
   */
  redirectOrigins?: '*' | string[];
  /**
   * Method sent to the target instead of the client's. An API that is configured by `target_url` adds it to
   * `retry.methods` instead, as the OpenResty gateway did.
   * @default the client's method
   */
  method?: string;
  /**
   * Methods that clients may use; others are 405 ERR_METHOD_NOT_ALLOWED. GET brings HEAD with it. List them where an API
   * key may do more than its clients shall.
   * @default all but CONNECT
   */
  methods?: string[];
  /**
   * Forwards TRACE, which is 405 ERR_METHOD_NOT_ALLOWED otherwise. It is sent without `headers`, `auth` and whatever
   * else is added to a request, since the target returns to the client what it receives; with `proxyRotate` it is
   * always refused.
   * @default true
   */
  traceMethod?: boolean;
  /**
   * Name that is added to the `Via` header of requests; `false` adds none. A request that carries it already has come
   * back, and is 508 ERR_LOOP_DETECTED. Set it where a target shall not see what proxy this is, to a name that no
   * other proxy in front of the target has.
   * @default `resilient-proxy-out-` and eight random digits
   */
  via?: false | string;
  /**
   * Certificate authorities in PEM that the target's certificate must be signed by, instead of the system's. A
   * configuration file may give paths instead, relative to itself.
   * @default the system's authorities
   */
  ca?: string | Buffer | (string | Buffer)[];
  /**
   * Client certificate in PEM for the targets; needs `key`. It is not shown to other origins that a redirect leads to,
   * nor to the receiver of copies (`forward`). A configuration file may give a path instead.
   */
  cert?: string | Buffer;
  /** Private key of `cert` in PEM, without a passphrase. A configuration file may give a path instead. */
  key?: string | Buffer;
  /**
   * Host name for SNI and for the check of the target's certificate.
   * @default the host name of the target
   */
  servername?: string;
  /**
   * Headers added to every request, such as API keys; a list becomes several lines. They replace the client's headers
   * of the same name.
   * @default {}
   */
  headers?: Record<string, string | string[]>;
}

/** Options of `forward()`: http-proxy-middleware's, and those of {@link TransportOptions}. */
export interface ForwardOptions extends Omit<Options, 'headers'>, TransportOptions {
  /**
   * Where requests go: an http or https URL, whose path is put before theirs. User and password in it are sent as
   * Basic credentials. In code it may be an object, as for a Unix socket (`socketPath`). Required unless `router`
   * names a target.
   */
  target?: Options['target'];
  /**
   * Chooses another target for some requests: a table of `Host` or path, or a function that is called once per request,
   * before the first attempt. Options that the function sets hold for that request.
   */
  router?: Options['router'];
  /**
   * Which requests are taken: a path, a glob, a list of either, or a function. Others go to the next handler; in
   * `resilientProxy()` they are 400 ERR_BAD_REQUEST.
   */
  pathFilter?: Options['pathFilter'];
  /**
   * Changes the path: a table of regular expressions and their replacements, or a function. A path that leads above the
   * target's own is 400 ERR_BAD_REQUEST.
   */
  pathRewrite?: Options['pathRewrite'];
  /**
   * Sends every request to the target's path as it stands, without the path of the request.
   * @default false
   */
  ignorePath?: boolean;
  /** Has no effect; accepted because http-proxy-middleware accepts it. */
  prependPath?: boolean;
  /**
   * Appends the requested URL to the target's path, for a target that is itself a proxy. Needs Node's client.
   * @default false
   */
  toProxy?: boolean;
  /**
   * Sends the target's name as `Host`, not the one that the client requested.
   * @default false
   */
  changeOrigin?: boolean;
  /** `user:password`, sent as Basic credentials where the client sends no `Authorization`. */
  auth?: string;
  /**
   * Adds `X-Forwarded-For`, `-Port`, `-Proto` and `-Host` where the client sent none: for APIs that need the client's
   * address.
   * @default false
   */
  xfwd?: boolean;
  /**
   * Verifies the target's TLS certificate. A certificate that is not trusted is 502 ERR_UPSTREAM_TLS. Turn it off for
   * tests only.
   * @default true
   */
  secure?: boolean;
  /** TLS options of Node's https module, such as a client certificate. Needs Node's client. */
  ssl?: Options['ssl'];
  /**
   * Node agent that opens the connections; `false` opens one for each request. Cannot go with `proxyRotate`. Needs
   * Node's client.
   */
  agent?: Options['agent'];
  /** IP address of this host that connections come from. Needs Node's client. */
  localAddress?: string;
  /**
   * Longest silence of the target's connection; `0` is no limit. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Needs
   * Node's client.
   */
  proxyTimeout?: number;
  /** Longest silence of the client's connection, which is then closed and its call with it; `0` is no limit. */
  timeout?: number;
  /** Time limit for the handshake of a WebSocket, in each attempt and besides its other limits. */
  upgradeTimeout?: number;
  /**
   * Accepts WebSockets without further wiring: from the first request on it listens to that request's server. An
   * upgrade that is a server's first request is missed; `server.on('upgrade', proxy.upgrade)` misses none and does
   * not need this option.
   * @default false
   */
  ws?: boolean;
  /**
   * Follows redirects, up to 5 or the number that is given, within the target's origin and to `redirectOrigins`. Needs
   * Node's client.
   * @default false
   */
  followRedirects?: boolean | number;
  /** Host that replaces the target's in `Location` headers. Needs Node's client. */
  hostRewrite?: string;
  /**
   * Puts the `Host` that the client requested in place of the target's in `Location` headers. Needs Node's client.
   * @default false
   */
  autoRewrite?: boolean;
  /** Scheme of `Location` headers that lead to the target: `'http'` or `'https'`. Needs Node's client. */
  protocolRewrite?: string;
  /**
   * `Domain` of cookies: one text for all, or a table of old and new domains with `'*'` for all others; an empty text
   * removes it. Needs Node's client.
   * @default false
   */
  cookieDomainRewrite?: false | string | Record<string, string>;
  /**
   * `Path` of cookies, as `cookieDomainRewrite`. Needs Node's client.
   * @default false
   */
  cookiePathRewrite?: false | string | Record<string, string>;
  /**
   * Keeps the letter case of response header names.
   * @default false
   */
  preserveHeaderKeyCase?: boolean;
  /**
   * Leaves the response to a listener of `on.proxyRes`; without one it is an InvalidOptionError. Needs Node's client.
   * @default false
   */
  selfHandleResponse?: boolean;
  /** Another server that gets a copy of each request; its response is dropped. Cannot go with `proxyRotate`. */
  forward?: Options['forward'];
  /** Stream that is sent as the request's body instead of the client's. */
  buffer?: Options['buffer'];
  /**
   * Listeners of http-proxy-middleware's events, by name. Those of `proxyReq`, `proxyRes`, `end` and `econnreset`
   * need Node's client.
   * @default {}
   */
  on?: Options['on'];
  /** Object with `info`, `warn` and `error` that gets a line for each response, error and WebSocket. */
  logger?: Options['logger'];
  /**
   * Functions that get httpxy's server once, to listen to its events.
   * @default []
   */
  plugins?: Options['plugins'];
  /**
   * Leaves out http-proxy-middleware's own plugins, and `on` and `logger` with them.
   * @default false
   */
  ejectPlugins?: boolean;
  /** Refused with an InvalidOptionError: it is for a server of httpxy's own. */
  http2?: boolean;
}
