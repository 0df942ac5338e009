import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OnProxyEvent, Options, Plugin } from 'http-proxy-middleware';
import type { Callback } from '../../core/callback.js';
import type { TransportOptions } from './transport-options.js';

export type { TransportOptions } from './transport-options.js';

/** Listeners of http-proxy-middleware's events, by name. */
export type ForwardListeners<
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
> = {
  [Event in keyof OnProxyEvent]?: Callback<NonNullable<OnProxyEvent<Req, Res>[Event]>> | undefined;
};

type Target = NonNullable<Options['target']>;

type RewritePath<Req extends IncomingMessage, Res extends ServerResponse, Path> = (
  path: string,
  req: Req,
  res?: Res | undefined,
  options?: Options<Req, Res>,
) => Path;

/**
 * Options of `forward()`: http-proxy-middleware's, and those of {@link TransportOptions}. `Req` and `Res` are what the
 * framework calls the middleware with, as Express' `Request` and `Response`: the functions among the options get them.
 */
export interface ForwardOptions<
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
> extends TransportOptions {
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
  router?:
    | Record<string, Target>
    | Callback<(req: Req, res: Res | undefined, options: Options<Req, Res>) => Target>
    | Callback<(req: Req, res: Res | undefined, options: Options<Req, Res>) => Promise<Target>>
    | undefined;
  /**
   * Which requests are taken: a path, a glob, a list of either, or a function. Others go to the next handler; in
   * `resilientProxy()` they are 400 ERR_BAD_REQUEST.
   */
  pathFilter?:
    | string
    | readonly string[]
    | Callback<(pathname: string, req: Req) => boolean | string | RegExpMatchArray | null>
    | undefined;
  /**
   * Changes the path: a table of regular expressions and their replacements, or a function. A path that leads above the
   * target's own is 400 ERR_BAD_REQUEST.
   */
  pathRewrite?:
    | Record<string, string>
    | Callback<RewritePath<Req, Res, string | undefined>>
    | Callback<RewritePath<Req, Res, Promise<string | undefined>>>
    | undefined;
  /**
   * Sends every request to the target's path as it stands, without the path of the request.
   * @default false
   */
  ignorePath?: boolean | undefined;
  /** Has no effect; accepted because http-proxy-middleware accepts it. */
  prependPath?: boolean | undefined;
  /**
   * Appends the requested URL to the target's path, for a target that is itself a proxy. Needs Node's client.
   * @default false
   */
  toProxy?: boolean | undefined;
  /**
   * Sends the target's name as `Host`, not the one that the client requested.
   * @default false
   */
  changeOrigin?: boolean | undefined;
  /** `user:password`, sent as Basic credentials where the client sends no `Authorization`. */
  auth?: string | undefined;
  /**
   * Adds `X-Forwarded-For`, `-Port`, `-Proto` and `-Host`, for APIs that need the client's address. `true` keeps those
   * that the client sends; `'append'` adds the client's address to its list, for a proxy behind another one;
   * `'replace'` takes nothing from the client, `Forwarded` and `X-Real-IP` included, for one that strangers call.
   * @default false
   */
  xfwd?: boolean | 'append' | 'replace' | undefined;
  /**
   * Verifies the target's TLS certificate. A certificate that is not trusted is 502 ERR_UPSTREAM_TLS. Turn it off for
   * tests only.
   * @default true
   */
  secure?: boolean | undefined;
  /** TLS options of Node's https module, such as a client certificate. Needs Node's client. */
  ssl?: Options['ssl'];
  /**
   * Node agent that opens the connections; `false` opens one for each request. Cannot go with `proxyRotate`. Needs
   * Node's client.
   */
  agent?: Options['agent'];
  /** IP address of this host that connections come from. Needs Node's client. */
  localAddress?: string | undefined;
  /**
   * Longest silence of the target's connection; `0` is no limit. Exceeding it is 504 ERR_UPSTREAM_TIMEOUT. Needs
   * Node's client.
   */
  proxyTimeout?: number | undefined;
  /** Longest silence of the client's connection, which is then closed and its call with it; `0` is no limit. */
  timeout?: number | undefined;
  /** Time limit for the handshake of a WebSocket, in each attempt and besides its other limits. */
  upgradeTimeout?: number | undefined;
  /**
   * Accepts WebSockets without further wiring: from the first request on it listens to that request's server. An
   * upgrade that is a server's first request is missed; `server.on('upgrade', proxy.upgrade)` misses none and does
   * not need this option.
   * @default false
   */
  ws?: boolean | undefined;
  /**
   * Follows redirects, up to 5 or the number that is given, within the target's origin and to `redirectOrigins`. Needs
   * Node's client.
   * @default false
   */
  followRedirects?: boolean | number | undefined;
  /** Host that replaces the target's in `Location` headers. Needs Node's client. */
  hostRewrite?: string | undefined;
  /**
   * Puts the `Host` that the client requested in place of the target's in `Location` headers, and with `rewriteLocation`
   * in each `Link` too. Needs Node's client.
   * @default false
   */
  autoRewrite?: boolean | undefined;
  /** Scheme of `Location` headers that lead to the target: `'http'` or `'https'`. Needs Node's client. */
  protocolRewrite?: string | undefined;
  /**
   * `Domain` of cookies: one text for all, or a table of old and new domains with `'*'` for all others; an empty text
   * removes it. Needs Node's client.
   * @default false
   */
  cookieDomainRewrite?: false | string | Record<string, string> | undefined;
  /**
   * `Path` of cookies, as `cookieDomainRewrite`. Needs Node's client.
   * @default false
   */
  cookiePathRewrite?: false | string | Record<string, string> | undefined;
  /**
   * Keeps the letter case of response header names.
   * @default false
   */
  preserveHeaderKeyCase?: boolean | undefined;
  /**
   * Leaves the response to a listener of `on.proxyRes`; without one it is an InvalidOptionError. Needs Node's client.
   * @default false
   */
  selfHandleResponse?: boolean | undefined;
  /** Another server that gets a copy of each request; its response is dropped. Cannot go with `proxyRotate`. */
  forward?: Options['forward'];
  /** Stream that is sent as the request's body instead of the client's. */
  buffer?: Options['buffer'];
  /**
   * Listeners of http-proxy-middleware's events, by name. Those of `proxyReq`, `proxyRes`, `end` and `econnreset`
   * need Node's client.
   * @default {}
   */
  on?: ForwardListeners<Req, Res> | undefined;
  /** Object with `info`, `warn` and `error` that gets a line for each response, error and WebSocket. */
  logger?: Options['logger'];
  /**
   * Functions that get httpxy's server once, to listen to its events.
   * @default []
   */
  plugins?: readonly Callback<Plugin<Req, Res>>[] | undefined;
  /**
   * Leaves out http-proxy-middleware's own plugins, and `on` and `logger` with them.
   * @default false
   */
  ejectPlugins?: boolean | undefined;
  /** Has no effect; accepted because http-proxy-middleware accepts it. A server of either HTTP version may come before. */
  http2?: boolean | undefined;
}
