import { ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { ProxyServer, ProxyTarget } from 'httpxy';
import type { ProxyError } from '../../core/errors.js';
import { asUrl } from '../request/target.js';
import type { Upstream } from '../upstream.js';
import { notify } from './listeners.js';

/**
 * Emits the events of http-proxy-middleware's server in such a way that a failing listener does not end the process.
 */
export class ServerEvents {
  readonly #server: ProxyServer;
  readonly #upstream: Upstream;
  readonly #pending = new WeakMap<object, Promise<unknown>>();
  readonly #reported = new WeakSet<object>();

  constructor(server: ProxyServer, upstream: Upstream) {
    this.#server = server;
    this.#upstream = upstream;
    // httpxy and http-proxy-middleware emit here, too: the events of upgrades, and all errors.
    const emit = (event: string, ...args: unknown[]): boolean => {
      const [error] = args;
      const known = event === 'error' && typeof error === 'object' && error && this.#reported.has(error);
      if (!known) this.#notify(event, args);
      return server.listenerCount(event as 'error') > 0;
    };
    Object.assign(server, { emit });
  }

  /**
   * Calls the listeners of `error` for a call without a response, once.
   * @param done called when the promises of the listeners have settled, with whether one of them has responded
   */
  report(
    error: ProxyError,
    req: IncomingMessage,
    res: ServerResponse,
    target: ProxyTarget | undefined,
    done: (responded: boolean) => void,
  ): void {
    const begun = res.headersSent;
    this.#notify('error', [error, req, res, asUrl(target)]);
    this.#reported.add(error);
    const pending = this.#pending.get(res);
    const goOn = (): void => done(!begun && (res.headersSent || res.writableEnded));
    if (pending === undefined) goOn();
    else void pending.then(goOn);
  }

  #notify(event: string, args: readonly unknown[]): void {
    const pending = notify(this.#server, event, args, (error) => {
      this.#upstream.lost(error);
      if (event !== 'error') this.#endUpgrade(event, args, error);
    });
    const [, , res] = args;
    if (event === 'error' && pending && typeof res === 'object' && res) this.#pending.set(res, pending);
  }

  #endUpgrade(event: string, args: readonly unknown[], error: ProxyError): void {
    for (const item of args) {
      // The attempt gets the error from its request, and refuses the client.
      if (item instanceof ClientRequest) item.on('error', () => {}).destroy(error);
      else if (item instanceof Socket && event !== 'proxyReqWs') item.on('error', () => {}).destroy();
    }
  }
}
