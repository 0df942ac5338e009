import type { Options } from 'http-proxy-middleware';
import type { TransportOptions } from './transport-options.js';

export type { TransportOptions } from './transport-options.js';

/** Options of `forward()`: http-proxy-middleware's, and those of {@link TransportOptions}. */
export interface ForwardOptions extends Omit<Options, 'headers' | 'xfwd'>, TransportOptions {
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
   * Adds `X-Forwarded-For`, `-Port`, `-Proto` and `-Host`, for APIs that need the client's address. `true` keeps those
   * that the client sends; `'append'` adds the client's address to its list, for a proxy behind another one;
   * `'replace'` takes nothing from the client, `Forwarded` and `X-Real-IP` included, for one that strangers call.
   * @default false
   */
  xfwd?: boolean | 'append' | 'replace';
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
  /** Has no effect; accepted because http-proxy-middleware accepts it. A server of either HTTP version may come before. */
  http2?: boolean;
}
