import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createProxyMiddleware, type Options, type Plugin } from 'http-proxy-middleware';
import { exchangeOf } from '../exchange.js';
import { readFailure } from './failure.js';
import { type ForwardOptions, resolveForward, TRANSPORT_OPTIONS } from './forward-options.js';
import { originForm } from './request-path.js';
import { Upstream } from './upstream.js';

/** The middleware that {@link forward} returns. */
export interface ForwardHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** Takes over a WebSocket upgrade; for a server's `upgrade` event. */
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void;
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
    void proxy(req, res, (error) => {
      // A listener of the user's has answered already; http-proxy-middleware reports the error to both.
      if (error === undefined || !answersErrors || !res.headersSent) next(error);
    });
  }
  return Object.assign(forward, { upgrade: proxy.upgrade, close: engine.close });
}

/**
 * Gives retry, breaker and the other policies to a `createProxyMiddleware` of your own:
 * `createProxyMiddleware({ target, plugins: [resiliencePlugin()] })`. Put it last in the list.
 */
export function resiliencePlugin(
  options: Pick<ForwardOptions, 'transport' | 'requestTimeoutMs'> = {},
): Plugin {
  return function resiliencePlugin(server, proxyOptions) {
    upstreamPlugin({ ...proxyOptions, ...options }).plugin(server, proxyOptions);
  };
}

function upstreamPlugin(options: ForwardOptions): { plugin: Plugin; close: () => Promise<void> } {
  let upstream: Upstream | undefined;
  return {
    plugin: (server) => {
      const hooked = options.ejectPlugins === false ? [] : server.eventNames().map(String);
      const engine = new Upstream(resolveForward(options, 'forward', hooked), server);
      upstream = engine;
      server.web = (req, res, opts = {}) => engine.web(req, res, opts);
      // http-proxy-middleware emits what it also hands to next(), and an unheard `error` would throw.
      server.on('error', () => {});
    },
    close: async () => upstream?.close(),
  };
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
