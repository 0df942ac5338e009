import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Options, Plugin } from 'http-proxy-middleware';
import { createProxyMiddleware } from '../../core/packages/http-proxy-middleware.js';
import type { ForwardOptions } from './forward-options.js';

/** Prepares a call, and has the last plugin forward it. */
export type Middleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/** Its options. `undefined` means the same as to leave one out: it reads them by their names. */
type Given = { [K in keyof Options]: ForwardOptions[K & keyof ForwardOptions] | Options[K] };

/**
 * http-proxy-middleware with these options: it prepares each call (filter, router, rewrite, target), and its last plugin
 * takes the call over. All that is used of that package at run time is in this file.
 */
export function proxyMiddleware(options: Given): Middleware {
  // It changes no list that it gets.
  return createProxyMiddleware({ ...options, ejectPlugins: true } as Options);
}

/** Whether it takes this filter: only http-proxy-middleware itself knows which ones are valid. */
export function takesFilter(pathFilter: ForwardOptions['pathFilter']): boolean {
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
