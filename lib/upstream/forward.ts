import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createProxyMiddleware, type Options, type Plugin } from 'http-proxy-middleware';
import type { ProxyServer } from 'httpxy';
import { Closing } from '../core/closing.js';
import { ProxyError } from '../core/errors.js';
import { exchangeOf } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import { OpenSockets } from '../websocket/open-sockets.js';
import { serveWithoutUpgrade } from '../websocket/serve-without-upgrade.js';
import { ServerUpgrades } from '../websocket/server-upgrades.js';
import {
  beginUpgrade,
  leaveUpgrade,
  meansWebSocket,
  takeUpgrade,
  type UpgradeEgress,
} from '../websocket/upgrade.js';
import { CallLog } from './call-log.js';
import { readFailure } from './failure.js';
import { ServerEvents } from './node/server-events.js';
import type { ForwardOptions } from './options/forward-options.js';
import { heardFilter } from './options/heard-filter.js';
import { resolveForward, TRANSPORT_OPTIONS } from './options/resolve-forward.js';
import { unanswered } from './options/rules.js';
import { staticOptions } from './options/static-options.js';
import { originForm } from './request/path.js';
import { Upstream } from './upstream.js';

/** The middleware that {@link forward} returns. */
export interface ForwardHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Takes over a WebSocket: `server.on('upgrade', handler.upgrade)`. One that `pathFilter` leaves out is left to the
   * server's other listeners, and refused where there are none. Other upgrades than to WebSocket are ignored: the
   * request is served as any other (RFC 9110 §7.8).
   * @param egress the way it must go, as `proxyRotate().policy()` gives it
   */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, egress?: UpgradeEgress): void;
  /**
   * Closes the connections to the targets; calls under way fail, and those that come later get ERR_SHUTTING_DOWN. Clients of WebSockets are told that the server goes
   * away (close code 1001), and cut off after a second.
   */
  close(): Promise<void>;
}

/** What the factory asks of its `forward()`. */
export interface ForwardRules {
  /** Egress proxies are configured: no attempt goes out directly unless their rotation says so. */
  readonly egressOnly?: boolean;
}

/**
 * Forwards each call to the target: the last handler of a chain, where `retry()` and the other policies
 * that were put in front of it take effect. It is http-proxy-middleware with another engine: its options
 * and defaults hold, but errors come by `next(error)` as {@link ProxyError}, unless a listener of `error` has
 * answered; one that returns a promise is waited for.
 *
 * What another listener throws, or its promise is rejected with, fails its call with ERR_INTERNAL, or cuts off
 * an answer that is under way; what `router`, `pathRewrite` or `pathFilter` throws comes by `next(error)` as it
 * is. Listeners of `proxyReq` and `proxyRes` hear of each attempt, and of the answer that is passed on. The copy
 * that `forward` asks for is sent once for each call, and fails none. Options that a `router` sets for one call
 * hold for it, and choose its transport.
 *
 * @throws InvalidOptionError for an option that is unknown, wrong, or not to be had with the others
 */
export function forward(options: ForwardOptions, { egressOnly = false }: ForwardRules = {}): ForwardHandler {
  resolveForward(options, 'forward');
  const { ws } = options;
  const sockets = new OpenSockets();
  const engine = upstreamPlugin(options, sockets, egressOnly);
  const ownUpgrades = new ServerUpgrades();
  const closing = new Closing();
  const prepared = staticOptions(options);
  const filter = heardFilter(options.pathFilter);
  const proxy = createProxyMiddleware({
    ...proxyOptions(options),
    pathFilter: filter.pathFilter,
    ejectPlugins: true,
    plugins: [...(options.ejectPlugins ? [] : [eventsPlugin]), ...(options.plugins ?? []), engine.plugin],
  });

  function forward(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    try {
      req.url = originForm(req.url);
    } catch (thrown) {
      handOn(readFailure(thrown).error, req, res, next);
      return;
    }
    if (exchangeOf(req, res).abandoned) return;
    if (ws) ownUpgrades.listen(req.socket, () => upgrade);
    if (prepared) {
      req.url = prepared.rewrite(req.url);
      engine.web(req, res, next);
      return;
    }
    proxy(req, res, (thrown) => {
      const error = thrown ?? filter.failure();
      if (error === undefined) next();
      else handOn(error, req, res, next);
      throw HANDED_ON;
    }).catch(unlessHandedOn);
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, egress?: UpgradeEgress): void {
    if (!takeUpgrade(req)) return;
    if (!meansWebSocket(req)) return serveWithoutUpgrade(req, socket, head);
    const exchange = beginUpgrade(req, socket, head, sockets);
    if (!exchange) return;
    const { res } = exchange;
    if (egress) {
      exchange.egress = egress;
      exchange.limits.unshift(egress);
    }
    forward(req, res, (error) => {
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
  return Object.assign(forward, { upgrade, close });
}

function handOn(
  thrown: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
): void {
  // What a router or the like has thrown is the application's own, and reaches its error handler as it is.
  exchangeOf(req, res).error = beforeSending(thrown);
  next(thrown);
}

/** What happened before there was a call is no failure of the target's, whatever it looks like. */
function beforeSending(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown;
  return new ProxyError('ERR_INTERNAL', 'The call failed before it was sent', { cause: thrown });
}

// After each call http-proxy-middleware leaves a listener on the server that it came by, one for each
// instance and never taken off: the eleventh API would warn of a leak, and one that is closed would stay
// reachable. So it is not let get there: what it waits for never ends, or ends by this.
const HANDED_ON = new Error('The call was handed on');

function unlessHandedOn(thrown: unknown): void {
  if (thrown !== HANDED_ON) throw thrown;
}

/**
 * Gives retry, breaker and the other policies to a `createProxyMiddleware` of your own:
 * `createProxyMiddleware({ target, plugins: [resiliencePlugin()] })`. Put it last in the list.
 */
export function resiliencePlugin(
  options: Pick<ForwardOptions, 'transport' | 'requestTimeoutMs'> = {},
): Plugin {
  return function resiliencePlugin(server, proxyOptions) {
    // http-proxy-middleware's own plugins listen too, to log and to answer: they need no Node client.
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
          events.report(error, req, res, opts.target, (answered) => (answered ? resolve() : reject(error)));
        });
      });
  };
}

/** What http-proxy-middleware's plugins listen to by themselves, and `on` with them. */
function defaultListeners(on: Options['on']): EventEmitter {
  let server = new EventEmitter();
  const plugin: Plugin = (proxyServer) => {
    server = proxyServer as EventEmitter;
  };
  createProxyMiddleware({ target: 'http://localhost', plugins: [plugin], ...(on ? { on } : {}) });
  return server;
}

interface Engine {
  readonly upstream: Upstream;
  readonly events: ServerEvents;
}

function upstreamPlugin(
  options: ForwardOptions,
  sockets: OpenSockets,
  egressOnly: boolean,
): {
  plugin: Plugin;
  /** Forwards a call whose options are the same for all, past http-proxy-middleware's preparation. */
  web: (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;
  close: () => Promise<void>;
} {
  let engine: Engine | undefined;
  const given = proxyOptions(options);
  return {
    web: (req, res, next) => {
      engine?.upstream.web(req, res, given, (error) => {
        if (!error) return;
        engine?.events.report(error, req, res, given.target, (answered) => {
          if (!answered) handOn(error, req, res, next);
        });
      });
    },
    plugin: (server) => {
      const hooked = server.eventNames().map(String);
      if (options.selfHandleResponse && !hooked.includes('proxyRes')) {
        throw unanswered('forward.selfHandleResponse');
      }
      const { upstream, events } = enginePlugin(options, server, hooked, { sockets, egressOnly });
      engine = { upstream, events };
      server.web = (req, res, opts = {}) =>
        new Promise((_never, reject) => {
          upstream.web(req, res, opts, (error) => {
            if (!error) return;
            events.report(error, req, res, opts.target, (answered) => {
              if (!answered) reject(error);
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
  { besideOthers = false, egressOnly = false, sockets = new OpenSockets() } = {},
): Engine {
  const log = new CallLog(options.ejectPlugins ? undefined : options.logger, besideOthers);
  const upstream = new Upstream(
    { ...resolveForward(options, 'forward', hooked), egressOnly },
    proxyOptions(options),
    {
      server,
      log,
      sockets,
    },
  );
  server.ws = (req, socket, opts = {}, head) => upstream.ws(req, socket as Socket, opts, head);
  // http-proxy-middleware emits what it also hands to next(), and an unheard `error` would throw.
  server.on('error', (error, req, res) => {
    if (req && res instanceof Socket) upstream.refuse(req, res, error);
  });
  log.listen(server);
  return { upstream, events: new ServerEvents(server, upstream) };
}

const eventsPlugin: Plugin = (server, { on = {} }) => {
  for (const [event, listener] of Object.entries(on)) {
    // The names and their listeners were typed together in the options.
    if (listener) server.on(event as 'error', listener as () => void);
  }
};

function proxyOptions(options: ForwardOptions): Options {
  // It would listen to the server by itself, and hand every upgrade to every instance.
  const entries = Object.entries(options).filter(
    ([name]) => name !== 'ws' && !TRANSPORT_OPTIONS.includes(name),
  );

  const { target, router, forward } = options;
  return {
    ...Object.fromEntries(entries),
    ...(typeof target === 'string' ? { target: new URL(target) } : {}),
    // Without either http-proxy-middleware refuses to be made; a table without entries names nothing.
    ...(target === undefined && router === undefined && forward !== undefined ? { router: {} } : {}),
  };
}
