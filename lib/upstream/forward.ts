import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { createProxyMiddleware, type Options, type Plugin } from 'http-proxy-middleware';
import type { ProxyServer } from 'httpxy';
import type { EgressPolicy } from '../egress.js';
import { exchangeOf } from '../exchange.js';
import { refuseUpgrade } from '../refuse-upgrade.js';
import { readFailure } from './failure.js';
import { type ForwardOptions, resolveForward, TRANSPORT_OPTIONS } from './forward-options.js';
import { OwnUpgrades } from './own-upgrades.js';
import { originForm } from './request-path.js';
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
  const answersErrors = options.on?.error !== undefined;
  const ownUpgrades = new OwnUpgrades((req, socket, head) => takeUpgrade(req, socket, head));
  const proxy = createProxyMiddleware({
    ...proxyOptions(options),
    ejectPlugins: true,
    plugins: [eventsPlugin, ...(options.plugins ?? []), engine.plugin],
  });

  function forward(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    try {
      req.url = originForm(req.url);
    } catch (thrown) {
      const { error } = readFailure(thrown);
      exchangeOf(req, res).error = error;
      next(error);
      return;
    }
    exchangeOf(req, res);
    if (options.ws) ownUpgrades.learn(req);
    proxy(req, res, (error) => {
      // A listener of the user's has answered already; http-proxy-middleware reports the error to both.
      if (error === undefined || !answersErrors || !res.headersSent) next(error);
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
  }
  async function close(): Promise<void> {
    ownUpgrades.close();
    await engine.close();
  }
  return Object.assign(forward, { upgrade, close });
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
    const hooked = proxyOptions.ejectPlugins ? server.eventNames().map(String) : [];
    const upstream = enginePlugin({ ...proxyOptions, ...options }, server, hooked);
    server.web = (req, res, opts = {}) =>
      new Promise((resolve, reject) => {
        upstream.web(req, res, opts, (error) => (error ? reject(error) : resolve()));
      });
  };
}

function upstreamPlugin(options: ForwardOptions): {
  plugin: Plugin;
  upgradeBy: Upstream['upgradeBy'];
  close: () => Promise<void>;
} {
  let upstream: Upstream | undefined;
  return {
    plugin: (server) => {
      const engine = enginePlugin(options, server, server.eventNames().map(String));
      upstream = engine;
      server.web = (req, res, opts = {}) =>
        new Promise((_never, reject) => {
          engine.web(req, res, opts, (error) => {
            if (error) reject(error);
          });
        });
    },
    upgradeBy: (policy, req) => upstream?.upgradeBy(policy, req),
    close: async () => upstream?.close(),
  };
}

function enginePlugin(options: ForwardOptions, server: ProxyServer, hooked: readonly string[]): Upstream {
  const upstream = new Upstream(resolveForward(options, 'forward', hooked), server);
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
  return upstream;
}

const eventsPlugin: Plugin = (server, { on = {} }) => {
  for (const [event, listener] of Object.entries(on)) {
    // The names and their listeners were typed together in the options.
    if (listener) server.on(event as 'error', listener as () => void);
  }
};

function proxyOptions(options: ForwardOptions): Options {
  const entries = Object.entries(options).filter(([name]) => !TRANSPORT_OPTIONS.includes(name));
  const { target } = options;
  return {
    ...Object.fromEntries(entries),
    ...(typeof target === 'string' ? { target: new URL(target) } : {}),
  };
}
