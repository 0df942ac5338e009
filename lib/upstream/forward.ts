import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Options, Plugin } from 'http-proxy-middleware';
import type { ProxyServer } from 'httpxy';
import { Closing } from '../core/closing.js';
import type { ProxyError } from '../core/errors.js';
import { exchangeOf, type Handler } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import { whenInTurn } from '../websocket/in-turn.js';
import { taking } from '../websocket/offers.js';
import { OpenSockets } from '../websocket/open-sockets.js';
import { acceptedProtocol } from '../websocket/protocols.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { ServerUpgrades } from '../websocket/server-upgrades.js';
import { beginUpgrade, leaveUpgrade, takeUpgrade, type UpgradeEgress } from '../websocket/upgrade.js';
import { CallLog } from './call-log.js';
import { readFailure } from './failure.js';
import { ServerEvents } from './node/server-events.js';
import type { ForwardOptions } from './options/forward-options.js';
import { defaultListeners, proxyMiddleware } from './options/middleware.js';
import { resolveForward, TRANSPORT_OPTIONS } from './options/resolve-forward.js';
import { nobodyResponds } from './options/rules.js';
import { staticOptions } from './options/static-options.js';
import { watchedFilter } from './options/watched-filter.js';
import { type Admission, admissionStage } from './request/admission.js';
import { originForm } from './request/path.js';
import { Turn } from './turn.js';
import { Upstream } from './upstream.js';

/** The middleware that {@link forward} returns. */
export interface ForwardHandler {
  /**
   * @param next called with an error, or where `pathFilter` excludes the request; without it errors are sent as JSON
   * @returns settles when the response has closed, or with the call of `next`; it never rejects
   */
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): Promise<void>;
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
  /**
   * Closes the connections to the targets: calls in progress fail, and later ones get ERR_SHUTTING_DOWN. Clients of
   * WebSockets are told that the server goes away (close code 1001), and cut off after a second.
   */
  close(): Promise<void>;
}

/** Set by the factory for its own `forward()`. */
export interface ForwardRules {
  /** Egress proxies are configured: no attempt is sent directly unless the rotation allows it. */
  readonly egressOnly?: boolean;
  /** {@link ForwardHandler.admission} is the first stage: it need not be asked again. */
  readonly admitted?: boolean;
}

/**
 * Forwards each call to the target: the last handler of a chain, which applies `retry()` and the other policies in
 * front of it. It is http-proxy-middleware with another engine: its options and defaults apply, but errors arrive in
 * `next(error)` as {@link ProxyError}, unless a listener of `error` has responded. A listener that returns a promise
 * is awaited.
 *
 * If another listener throws, or its promise rejects, its call fails with ERR_INTERNAL; a response in progress is
 * broken off. What `router`, `pathRewrite` or `pathFilter` throws arrives in `next(error)` unchanged. `proxyReq` and
 * `proxyRes` are emitted for each attempt, `proxyRes` only for a response that is passed on. A copy for `forward` is
 * sent once per call, and its failure fails no call. Options that a `router` sets for one call apply to that call,
 * and choose its transport.
 *
 * @throws InvalidOptionError for an option that is unknown, not valid, or cannot be combined with the others
 */
export function forward(
  options: ForwardOptions,
  { egressOnly = false, admitted = false }: ForwardRules = {},
): ForwardHandler {
  const { upgrades } = resolveForward(options, 'forward');
  const { ws } = options;
  const sockets = new OpenSockets();
  const engine = upstreamPlugin(options, sockets, { egressOnly, admitted });
  const ownUpgrades = new ServerUpgrades();
  const closing = new Closing();
  const prepared = staticOptions(options);
  const filter = watchedFilter(options.pathFilter);
  const proxy = proxyMiddleware({
    ...proxyOptions(options),
    pathFilter: filter.pathFilter,
    plugins: [...(options.ejectPlugins ? [] : [eventsPlugin]), ...(options.plugins ?? []), engine.plugin],
  });

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
    const exchange = exchangeOf(req, res);
    const turn = new Turn(exchange, next);
    if (problem) turn.fail(problem);
    if (problem || exchange.abandoned) return turn;
    if (ws) ownUpgrades.listen(req.socket, () => upgrade);
    if (prepared) {
      req.url = prepared.rewrite(req.url ?? '/');
      engine.web(req, res, turn);
      return turn;
    }
    proxy(req, res, (thrown) => {
      const error = thrown ?? filter.failure();
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
  return Object.assign(forward, { upgrade, admission: admissionStage(engine.admit), close });
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
        upstream.web(req, res, opts, (error) => {
          if (!error) return resolve();
          events.report(error, req, res, opts.target, (responded) => (responded ? resolve() : reject(error)));
        });
      });
  };
}

interface Engine {
  readonly upstream: Upstream;
  readonly events: ServerEvents;
}

function upstreamPlugin(
  options: ForwardOptions,
  sockets: OpenSockets,
  rules: Required<ForwardRules>,
): {
  plugin: Plugin;
  admit: Admission;
  /** Forwards a call whose options are the same for all calls, without http-proxy-middleware's preparation. */
  web: (req: IncomingMessage, res: ServerResponse, turn: Turn) => void;
  close: () => Promise<void>;
} {
  let engine: Engine | undefined;
  const { target } = options;
  // Parsed once for calls that no function of the application sees.
  const given = {
    ...proxyOptions(options),
    ...(typeof target === 'string' ? { target: new URL(target) } : {}),
  };
  return {
    admit: (req, res) => engine?.upstream.admit(req, res) ?? true,
    web: (req, res, turn) => {
      engine?.upstream.web(req, res, given, (error) => {
        if (!error) return;
        engine?.events.report(error, req, res, given.target, (responded) => {
          if (!responded) turn.fail(error);
        });
      });
    },
    plugin: (server) => {
      const hooked = server.eventNames().map(String);
      if (options.selfHandleResponse && !hooked.includes('proxyRes')) {
        throw nobodyResponds('forward.selfHandleResponse');
      }
      const { upstream, events } = enginePlugin(options, server, hooked, { sockets, ...rules });
      engine = { upstream, events };
      server.web = (req, res, opts = {}) =>
        new Promise((_never, reject) => {
          upstream.web(req, res, opts, (error) => {
            if (!error) return;
            events.report(error, req, res, opts.target, (responded) => {
              if (!responded) reject(error);
            });
          });
        });
    },
    close: async () => engine?.upstream.close(),
  };
}

function enginePlugin(
  options: ForwardOptions,
  server: ProxyServer,
  hooked: readonly string[],
  { besideOthers = false, egressOnly = false, admitted = false, sockets = new OpenSockets() } = {},
): Engine {
  const log = new CallLog(options.ejectPlugins ? undefined : options.logger, besideOthers);
  const upstream = new Upstream(
    { ...resolveForward(options, 'forward', hooked), egressOnly, admitted },
    proxyOptions(options),
    {
      server,
      log,
      sockets,
    },
  );
  server.ws = (req, socket, opts = {}, head) => upstream.ws(req, socket as Socket, opts, head);
  // http-proxy-middleware also emits the error that it passes to next(); an `error` without a listener would throw.
  server.on('error', (error, req, res) => {
    if (req && res instanceof Socket) upstream.refuse(req, res, error);
  });
  log.listen(server);
  return { upstream, events: new ServerEvents(server, upstream) };
}

const eventsPlugin: Plugin = (server, { on = {} }) => {
  for (const [event, listener] of Object.entries(on)) {
    // The types of the options check that names and listeners match.
    if (listener) server.on(event as 'error', listener as () => void);
  }
};

function proxyOptions(options: ForwardOptions): Options {
  // With `ws`, http-proxy-middleware would listen on the server itself, and every instance would get every upgrade.
  const entries = Object.entries(options).filter(
    ([name]) => name !== 'ws' && !TRANSPORT_OPTIONS.includes(name),
  );

  const { target, router, forward } = options;
  return {
    ...Object.fromEntries(entries),
    // Without a target or a router http-proxy-middleware throws; an empty table routes nothing.
    ...(target === undefined && router === undefined && forward !== undefined ? { router: {} } : {}),
  };
}
