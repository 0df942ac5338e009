import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createProxyMiddleware, type Options, type Plugin } from 'http-proxy-middleware';

type Middleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/**
 * http-proxy-middleware with these options: it prepares each call (filter, router, rewrite, target), and its last plugin
 * takes the call over. All that is used of that package at run time is in this file.
 */
export function proxyMiddleware(options: Options): Middleware {
  return createProxyMiddleware({ ...options, ejectPlugins: true });
}

/** Whether it takes this filter: only http-proxy-middleware itself knows which ones are valid. */
export function takesFilter(pathFilter: Options['pathFilter']): boolean {
  let valid = true;
  const error = (): void => {
    valid = false;
  };
  // A call that ends after the filter.
  const probe = proxyMiddleware({
    pathFilter,
    logger: { info() {}, warn() {}, error },
    router: () => new Promise<never>(() => {}),
  });
  void probe({ url: '/' } as IncomingMessage, {} as ServerResponse, () => {});
  return valid;
}

/** The listeners that http-proxy-middleware's own plugins add, those of `on` included. */
export function defaultListeners(on: Options['on']): EventEmitter {
  let server = new EventEmitter();
  const plugin: Plugin = (proxyServer) => {
    server = proxyServer as EventEmitter;
  };
  createProxyMiddleware({ target: 'http://localhost', plugins: [plugin], ...(on ? { on } : {}) });
  return server;
}
