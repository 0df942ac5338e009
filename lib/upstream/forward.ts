import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Plugin } from 'http-proxy-middleware';
import { takeChangedHeaders } from '../core/changed-headers.js';
import { Closing } from '../core/closing.js';
import type { ProxyError } from '../core/errors.js';
import { exchangeOf, type Handler, sameExchange } from '../core/exchange.js';
import { undiciPool } from '../core/packages/undici.js';
import { sendError } from '../core/send-error.js';
import { whenInTurn } from '../websocket/in-turn.js';
import { taking } from '../websocket/offers.js';
import { OpenSockets } from '../websocket/open-sockets.js';
import { acceptedProtocol } from '../websocket/protocols.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { ServerUpgrades } from '../websocket/server-upgrades.js';
import { beginUpgrade, leaveUpgrade, takeUpgrade, type UpgradeEgress } from '../websocket/upgrade.js';
import { enginePlugin, eventsPlugin, type ForwardRules, proxyOptions, upstreamPlugin } from './engine.js';
import { readFailure } from './failure.js';
import type { ForwardOptions } from './options/forward-options.js';
import { defaultListeners, type Middleware, proxyMiddleware } from './options/middleware.js';
import { resolveForward } from './options/resolve-forward.js';
import { staticOptions } from './options/static-options.js';
import { watchedFilter } from './options/watched-filter.js';
import type { PoolUse } from './pool-use.js';
import { admissionStage } from './request/admission.js';
import { originForm } from './request/path.js';
import { Turn } from './turn.js';

/** The middleware that {@link forward} returns. */
export interface ForwardHandler<
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
> {
  /**
   * @param next called with an error, or where `pathFilter` excludes the request; without it errors are sent as JSON
   * @returns settles when the response has closed, or with the call of `next`; it never rejects
   */
  (req: Req, res: Res, next?: (error?: unknown) => void): Promise<void>;
  /**
   * Takes over a WebSocket: `server.on('upgrade', handler.upgrade)`. One that `pathFilter` excludes is left to the
   * server's other listeners, and refused if there are none. An upgrade to a protocol that `upgrades` does not list
   * is ignored: the request is served as any other (RFC 9110 §7.8).
   * @param egress chooses its egress proxy, as `proxyRotate().policy()` does
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, egress?: UpgradeEgress): void;
  /**
   * Refuses what is not forwarded whatever other stages say: a method that is not allowed, or a `Host` that is not valid.
   * The middleware does so itself; a `cache()` in front of it would come first, and may have this in front of it.
   */
  admission: Handler;
  /** Its connections to targets, and who waits for one; those of Node's client through egress proxies are not counted. */
  connections(): PoolUse;
  /**
   * Closes the connections to the targets: calls in progress fail, and later ones get ERR_SHUTTING_DOWN. Clients of
   * WebSockets are told that the server goes away (close code 1001), and cut off after a second.
   */
  close(): Promise<void>;
}

/**
 * Forwards each call to the target: the last handler of a chain, which applies `retry()` and the other policies in
 * front of it. It is http-proxy-middleware with another engine: its options and defaults apply, but errors arrive in
 * `next(error)` as {@link ProxyError}, unless a listener of `error` has responded. A listener that returns a promise
 * is awaited.
 *
 * What a middleware in front sets, changes or deletes in `req.headers` reaches the target so, and is what caches and
 * limits decide by: all but the headers that frame the message, and with `changeOrigin` the `Host`.
 *
 * If another listener throws, or its promise rejects, its call fails with ERR_INTERNAL; a response in progress is
 * broken off. What `router`, `pathRewrite` or `pathFilter` throws arrives in `next(error)` unchanged. `proxyReq` and
 * `proxyRes` are emitted for each attempt, `proxyRes` only for a response that is passed on. A copy for `forward` is
 * sent once per call, and its failure fails no call. Options that a `router` sets for one call apply to that call,
 * and choose its transport.
 *
 * `forward<Request, Response>(…)` calls the functions among its options with what the framework hands on, as
 * `createProxyMiddleware<Request, Response>(…)` does.
 *
 * @throws InvalidOptionError for an option that is unknown, not valid, or cannot be combined with the others
 */
export function forward<
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
>(options: ForwardOptions<Req, Res>, rules?: ForwardRules): ForwardHandler<Req, Res>;
export function forward(
  options: ForwardOptions,
  { egressOnly = false, admitted = false }: ForwardRules = {},
): ForwardHandler {
  const resolved = resolveForward(options, 'forward');
  const { upgrades } = resolved;
  const { ws } = options;
  const sockets = new OpenSockets();
  const engine = upstreamPlugin(options, resolved, sockets, { egressOnly, admitted }, openProxy);
  const ownUpgrades = new ServerUpgrades();
  const closing = new Closing();
  const prepared = staticOptions(options);
  const filter = watchedFilter(options.pathFilter);
  // Where it is known what each call gets, the first call makes it: no function of the application can refuse then.
  const proxy = prepared ? undefined : openProxy();
  if (resolved.transport === 'undici') undiciPool();

  function openProxy(): Middleware {
    return proxyMiddleware({
      ...proxyOptions(options),
      pathFilter: filter.pathFilter,
      plugins: [...(options.ejectPlugins ? [] : [eventsPlugin]), ...(options.plugins ?? []), engine.plugin],
    });
  }

  function forward(
    req: IncomingMessage,
    res: ServerResponse,
    next?: (error?: unknown) => void,
  ): Promise<void> {
    let problem: ProxyError | undefined;
    try {
      req.url = originForm(req.url);
    } catch (thrown) {
      problem = readFailure(thrown).error;
    }
    const exchange = admitted ? sameExchange(req, res) : exchangeOf(req, res);
    const turn = new Turn(exchange, next);
    if (problem) turn.fail(problem);
    if (problem || exchange.abandoned) return turn;
    if (ws) ownUpgrades.listen(req.socket, () => upgrade);
    if (prepared) {
      req.url = prepared.rewrite(req.url ?? '/');
      engine.web(req, res, turn);
      return turn;
    }
    proxy?.(req, res, (...thrown) => {
      const error =
        thrown.length > 0
          ? (thrown[0] ?? new Error('A function among the options failed'))
          : filter.failure();
      if (error === undefined) turn.pass();
      else turn.fail(error);
      throw HANDED_ON;
    }).catch(unlessHandedOn);
    return turn;
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, egress?: UpgradeEgress): void {
    if (!takeUpgrade(req)) return;
    if (acceptedProtocol(req, upgrades) === undefined) return serveWithoutUpgrade(req, socket, head);
    whenInTurn(req, () => begin(req, socket, head, egress));
  }

  function begin(req: IncomingMessage, socket: Duplex, head: Buffer, egress?: UpgradeEgress): void {
    const exchange = beginUpgrade(req, socket, head, sockets, acceptedProtocol(req, upgrades));
    if (!exchange) return;
    const { res } = exchange;
    if (egress) {
      exchange.egress = egress;
      exchange.limits.unshift(egress);
    }
    void forward(req, res, (error) => {
      if (error !== undefined) sendError(req, res, error);
      else leaveUpgrade(exchange);
    });
  }

  function close(): Promise<void> {
    return closing.begin(() => {
      ownUpgrades.close();
      return engine.close();
    });
  }
  taking(upgrade, (req) => acceptedProtocol(req, upgrades) !== undefined);
  return Object.assign(forward, {
    upgrade,
    admission: admissionStage(engine.admit),
    connections: engine.use,
    close,
  });
}

// After each call, http-proxy-middleware adds a listener to the server that accepted it, one for each instance, and
// never removes it: the eleventh API would cause a leak warning, and a closed one would stay reachable. So its
// handler never gets that far: the promise it awaits never resolves, or rejects with this error.
const HANDED_ON = new Error('The call was handed on');

function unlessHandedOn(thrown: unknown): void {
  if (thrown !== HANDED_ON) throw thrown;
}

/**
 * Adds retry, breaker and the other policies to a `createProxyMiddleware` of your own: `createProxyMiddleware({
 * target, plugins: [resiliencePlugin()] })`. Put it last in the list.
 */
export function resiliencePlugin(
  options: Pick<ForwardOptions, 'transport' | 'requestTimeoutMs'> = {},
): Plugin {
  return function resiliencePlugin(server, proxyOptions) {
    // http-proxy-middleware's own plugins listen too, to log and to send errors. They do not need Node's client.
    const own = proxyOptions.ejectPlugins ? new EventEmitter() : defaultListeners(proxyOptions.on);
    const hooked = server.eventNames().map(String);
    const others = hooked.filter(
      (event) => server.listenerCount(event as 'error') > own.listenerCount(event),
    );
    const { upstream, events } = enginePlugin({ ...proxyOptions, ...options }, server, others, {
      besideOthers: true,
    });
    server.web = (req, res, opts = {}) =>
      new Promise((resolve, reject) => {
        takeChangedHeaders(req);
        upstream.web(req, res, opts, (error) => {
          if (!error) return resolve();
          events.report(error, req, res, opts.target, (responded) => (responded ? resolve() : reject(error)));
        });
      });
  };
}
