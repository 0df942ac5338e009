import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { createProxyMiddleware, type Options, type Plugin } from 'http-proxy-middleware';
import type { ProxyServer } from 'httpxy';
import type { EgressPolicy } from '../egress.js';
import { ProxyError } from '../errors.js';
import { exchangeOf } from '../exchange.js';
import { refuseUpgrade } from '../refuse-upgrade.js';
import { CallLog } from './call-log.js';
import { readFailure } from './failure.js';
import { type ForwardOptions, resolveForward, TRANSPORT_OPTIONS } from './forward-options.js';
import { heardFilter } from './heard-filter.js';
import { unanswered } from './option-rules.js';
import { OwnUpgrades } from './own-upgrades.js';
import { originForm } from './request-path.js';
import { ServerEvents } from './server-events.js';
import { Upstream } from './upstream.js';

/** The middleware that {@link forward} returns. */
export interface ForwardHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Takes over a WebSocket upgrade; for a server's `upgrade` event.
   * @param egress the way it must go, as `proxyRotate().policy()` gives it
   */
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer, egress?: EgressPolicy): void;
  /** Closes the connections to the targets; calls under way fail. */
  close(): Promise<void>;
}

/**
 * Forwards each call to the target: the last handler of a chain, where `retry()` and the other policies
 * that were put in front of it take effect. It is http-proxy-middleware with another engine: its options
 * and defaults hold, but errors come by `next(error)` as {@link ProxyError}.
 *
 * @throws InvalidOptionError for an option that is unknown, wrong, or not to be had with the others
 */
export function forward(options: ForwardOptions): ForwardHandler {
  resolveForward(options, 'forward');
  const engine = upstreamPlugin(options);
  const ownUpgrades = new OwnUpgrades((req, socket, head) => takeUpgrade(req, socket, head));
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
    exchangeOf(req, res);
    if (options.ws) ownUpgrades.learn(req);
    proxy(req, res, (thrown) => {
      const error = thrown ?? filter.failure();
      if (error === undefined) next();
      else handOn(error, req, res, next);
      throw HANDED_ON;
    }).catch(unlessHandedOn);
  }

  function upgrade(req: IncomingMessage, socket: Socket, head: Buffer, egress?: EgressPolicy): void {
    if (!ownUpgrades.takes(req)) takeUpgrade(req, socket, head, egress);
  }

  function takeUpgrade(req: IncomingMessage, socket: Socket, head: Buffer, egress?: EgressPolicy): void {
    try {
      req.url = originForm(req.url);
    } catch (thrown) {
      refuseUpgrade(socket, readFailure(thrown).error);
      return;
    }
    if (egress) engine.upgradeBy(egress, req);
    proxy.upgrade(req, socket, head);
    const failure = filter.failure();
    if (failure !== undefined) refuseUpgrade(socket, beforeSending(failure));
  }

  async function close(): Promise<void> {
    ownUpgrades.close();
    await engine.close();
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
    const { upstream, events } = enginePlugin({ ...proxyOptions, ...options }, server, others, true);
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

function upstreamPlugin(options: ForwardOptions): {
  plugin: Plugin;
  upgradeBy: Upstream['upgradeBy'];
  close: () => Promise<void>;
} {
  let engine: Engine | undefined;
  return {
    plugin: (server) => {
      const hooked = server.eventNames().map(String);
      if (options.selfHandleResponse && !hooked.includes('proxyRes')) {
        throw unanswered('forward.selfHandleResponse');
      }
      const { upstream, events } = enginePlugin(options, server, hooked);
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
    upgradeBy: (policy, req) => engine?.upstream.upgradeBy(policy, req),
    close: async () => engine?.upstream.close(),
  };
}

function enginePlugin(
  options: ForwardOptions,
  server: ProxyServer,
  hooked: readonly string[],
  besideOthers = false,
): Engine {
  const log = new CallLog(options.ejectPlugins ? undefined : options.logger, besideOthers);
  const upstream = new Upstream(
    resolveForward(options, 'forward', hooked),
    proxyOptions(options),
    server,
    log,
  );
  const { ws } = server;
  server.ws = (req, socket, opts = {}, head) =>
    upstream.upgrade(req, socket as Socket, opts, (options) => ws.call(server, req, socket, options, head));
  server.prependListener('proxyReqWs', (proxyReq, req, socket, opts) =>
    upstream.upgrading(proxyReq, req, socket, opts),
  );
  // http-proxy-middleware emits what it also hands to next(), and an unheard `error` would throw.
  server.on('error', (error, _req, res) => {
    if (res instanceof Socket) upstream.refuse(res, error);
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
  const entries = Object.entries(options).filter(([name]) => !TRANSPORT_OPTIONS.includes(name));
  const { target, router, forward } = options;
  return {
    ...Object.fromEntries(entries),
    ...(typeof target === 'string' ? { target: new URL(target) } : {}),
    // Without either http-proxy-middleware refuses to be made; a table without entries names nothing.
    ...(target === undefined && router === undefined && forward !== undefined ? { router: {} } : {}),
  };
}
