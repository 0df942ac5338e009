/** What `forward()` adds to http-proxy-middleware's options. */
export interface TransportOptions {
  /**
   * HTTP client that sends the requests. `'undici'` is the faster one, `'node'` serves the http-proxy-middleware
   * options that need Node's own client. `'auto'` takes undici unless an option or a listener needs Node's; a forced
   * client that cannot serve an option is an InvalidOptionError.
   * @default 'auto'
   */
  transport?: 'auto' | 'undici' | 'node' | undefined;
  /**
   * Most connections to each target, and through each egress proxy; further requests wait for a free one. Raise it when
   * an API is slow and called often. Requests whose bodies are still on their way from their clients get at most half.
   * @default 256
   */
  connections?: number | undefined;
  /**
   * How long an idle connection is kept open, unless the target asks for less. Set it below the target's own idle
   * timeout. Needs undici.
   * @default 4000
   */
  keepAliveTimeoutMs?: number | undefined;
  /**
   * Age from which a connection to a target is not used for another request, so that changes in DNS are seen; `0` is no
   * limit. A request in progress is not affected.
   * @default 300000
   */
  maxConnectionAgeMs?: number | undefined;
  /**
   * Longest wait for one of our own connections while all `connections` are in use; `0` is no limit. Exceeding it is 503
   * ERR_NO_CONNECTION: nothing was sent, and it does not count against the target. Lower it to fail fast under load.
   * @default the limit of the target, `requestTimeoutMs`
   */
  queueTimeoutMs?: number | undefined;
  /**
   * Time limit for the TCP and TLS handshakes. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Through an egress proxy
   * `proxyRotate.connectTimeoutMs` applies too.
   * @default 10000, or `requestTimeoutMs` where that is less
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Time limit for the target, from the last byte of the request to the response's headers; `0` is no limit. Exceeding
   * it is 504 ERR_UPSTREAM_TIMEOUT. Neither the wait for a connection nor the client's upload counts. Of this and the
   * limit of a `breaker()` in front the smaller one holds.
   * @default 0
   */
  requestTimeoutMs?: number | undefined;
  /**
   * Longest pause in a body; `0` is no limit. A client that pauses in its upload for longer gets 408
   * ERR_REQUEST_TIMEOUT; a response whose target pauses for longer while the client reads is cut off. A body may take
   * as long as it flows. An open WebSocket may be idle for any time.
   * @default 30000
   */
  bodyTimeoutMs?: number | undefined;
  /**
   * Least rate of a client's upload, in bytes per second; `0` is no limit. A client that is slower for as long as
   * `bodyTimeoutMs` (30 s where that is `0`) gets 408 ERR_REQUEST_TIMEOUT, and its connection ends. While the target
   * takes nothing the client's time stands still, and once the response has begun the rate is not looked at. In the
   * gateway it is 500 unless set, as in Apache's mod_reqtimeout.
   * @default 0
   */
  minBodyRate?: number | undefined;
  /**
   * Longest pause in a response that is a stream of events or lines (`text/event-stream`, `application/x-ndjson` and the
   * like), in place of `bodyTimeoutMs`; `0` is no limit. Exceeding it cuts the stream off, and does not count against
   * the target. Set it to get rid of streams that have died unnoticed.
   * @default none, or `bodyTimeoutMs` where that is set
   */
  streamIdleTimeoutMs?: number | undefined;
  /**
   * Largest header section of a response; a larger one is 502 ERR_UPSTREAM_PROTOCOL. Needs undici.
   * @default 65536
   */
  maxResponseHeaderBytes?: number | undefined;
  /**
   * Most WebSockets of an API at once, those that are being opened included; `0` is no limit. Further ones get 503
   * ERR_NO_CONNECTION. No more than `connections` are being opened at once; others wait for their turn.
   * @default 10000
   */
  maxSockets?: number | undefined;
  /**
   * The same for each client, told apart by the address of its connection; `0` is no limit. Set it where clients
   * connect directly: behind another proxy all have that proxy's address.
   * @default 0
   */
  maxSocketsPerClient?: number | undefined;
  /**
   * Longest silence of a WebSocket, pings included; its client then gets the close code 1001. `0` is no limit.
   * @default 0
   */
  socketIdleTimeoutMs?: number | undefined;
  /**
   * Longest life of a WebSocket; its client then gets the close code 1001. `0` is no limit. Set it to spread clients
   * over new processes.
   * @default 0
   */
  maxSocketAgeMs?: number | undefined;
  /**
   * Protocols that a client may switch its connection to by `Upgrade`; an offer of any other is ignored, and its request
   * served as if it had none. Add `tcp` for Docker's API (`docker exec`) and `spdy/3.1` for that of Kubernetes. They are
   * tunnelled as WebSockets are, with the same limits. What passes through a tunnel passes no stage: do not list `h2c`.
   * @default ['websocket']
   */
  upgrades?: readonly string[] | undefined;
  /**
   * Takes responses that are not valid HTTP, as Node's option of the same name. A target could then smuggle responses
   * to other clients: a warning of the process says so. Not with `agent` or `proxyRotate`. Needs Node's client.
   * @default false
   */
  insecureHTTPParser?: boolean | undefined;
  /**
   * Memory for the request bodies that all calls together keep for retries. A body beyond it streams through and is not
   * retried.
   * @default 67108864
   */
  maxKeptBytes?: number | undefined;
  /**
   * Which request headers are forwarded. `true`: all except hop-by-hop headers. `false`: only `Accept*`, `Content-*`,
   * `If-*`, `Range`, `Cache-Control`, `User-Agent` and `Sec-WebSocket-*`. A list: those and the ones it names.
   * Trailers of requests are never forwarded.
   * @default true
   */
  forwardHeaders?: boolean | readonly string[] | undefined;
  /**
   * Whether the client's `Cookie` reaches the target and the target's `Set-Cookie` reaches the client.
   * @default true
   */
  forwardCookies?: boolean | undefined;
  /**
   * Origins that `followRedirects` may follow to besides the target's, such as `['https://files.example.com']`; `'*'`
   * is any. Credentials and `headers` are not sent there. Redirects elsewhere go to the client. With `proxyRotate`,
   * redirects are only followed within the target's origin.
   * @default []
   */
  redirectOrigins?: '*' | readonly string[] | undefined;
  /**
   * Method sent to the target instead of the client's. An API that is configured by `target_url` adds it to
   * `retry.methods` instead, as the OpenResty gateway did.
   * @default the client's method
   */
  method?: string | undefined;
  /**
   * Methods that clients may use; others are 405 ERR_METHOD_NOT_ALLOWED. GET brings HEAD with it. List them where an API
   * key may do more than its clients shall.
   * @default all but CONNECT
   */
  methods?: readonly string[] | undefined;
  /**
   * Forwards TRACE, which is 405 ERR_METHOD_NOT_ALLOWED otherwise. It is sent without `headers`, `auth` and whatever
   * else is added to a request, since the target returns to the client what it receives; with `proxyRotate` it is
   * always refused.
   * @default true
   */
  traceMethod?: boolean | undefined;
  /**
   * Changes `Location`, `Content-Location`, `Link` and `Refresh` headers that lead to the target, so that they lead
   * through the proxy: below the path at which the client has found it. They are paths then; a `Link` that was a URL stays
   * one, by the `Host` that the client has called, or by `X-Forwarded-Host` and `X-Forwarded-Proto` of a proxy in front.
   * Turn it off where clients call the target itself, or where the target knows the proxy's path.
   * @default false
   */
  rewriteLocation?: boolean | undefined;
  /**
   * Name that is added to the `Via` header of requests; `false` adds none. A request that carries it already has come
   * back, and is 508 ERR_LOOP_DETECTED. Set it where a target shall not see what proxy this is, to a name that no
   * other proxy in front of the target has.
   * @default `resilient-proxy-out-` and eight random digits
   */
  via?: false | string | undefined;
  /**
   * Certificate authorities in PEM that the target's certificate must be signed by, instead of the system's. A
   * configuration file may give paths instead, relative to itself.
   * @default the system's authorities
   */
  ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /**
   * Client certificate in PEM for the targets; needs `key`. It is not shown to other origins that a redirect leads to,
   * nor to the receiver of copies (`forward`). A configuration file may give a path instead.
   */
  cert?: string | Buffer | undefined;
  /** Private key of `cert` in PEM, without a passphrase. A configuration file may give a path instead. */
  key?: string | Buffer | undefined;
  /**
   * Host name for SNI and for the check of the target's certificate.
   * @default the host name of the target
   */
  servername?: string | undefined;
  /**
   * Headers added to every request, such as API keys; a list becomes several lines. They replace the client's headers
   * of the same name.
   * @default {}
   */
  headers?: Record<string, string | readonly string[]> | undefined;
}
