import { ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { ProxyServer, ProxyTarget } from 'httpxy';
import type { ProxyError } from '../../core/errors.js';
import { asUrl } from '../request/target.js';
import type { Upstream } from '../upstream.js';
import { tell } from './listeners.js';

/** What is emitted on http-proxy-middleware's server: told so that no listener ends the process. */
export class ServerEvents {
  readonly #server: ProxyServer;
  readonly #upstream: Upstream;
  readonly #pending = new WeakMap<object, Promise<unknown>>();
  readonly #reported = new WeakSet<object>();

  constructor(server: ProxyServer, upstream: Upstream) {
    this.#server = server;
    this.#upstream = upstream;
    // httpxy and http-proxy-middleware emit here, too: an upgrade's events, and the errors of all.
    const emit = (event: string, ...args: unknown[]): boolean => {
      const [error] = args;
      const known = event === 'error' && typeof error === 'object' && error && this.#reported.has(error);
      if (!known) this.#tell(event, args);
      return server.listenerCount(event as 'error') > 0;
    };
    Object.assign(server, { emit });
  }

  /**
   * Tells the listeners of `error` of a call that has no answer, once.
   * @param done whether one of them has answered, when those that take their time are through
   */
  report(
    error: ProxyError,
    req: IncomingMessage,
    res: ServerResponse,
    target: ProxyTarget | undefined,
    done: (answered: boolean) => void,
  ): void {
    const begun = res.headersSent;
    this.#tell('error', [error, req, res, asUrl(target)]);
    this.#reported.add(error);
    const pending = this.#pending.get(res);
    const goOn = (): void => done(!begun && (res.headersSent || res.writableEnded));
    if (pending === undefined) goOn();
    else void pending.then(goOn);
  }

  #tell(event: string, args: readonly unknown[]): void {
    const pending = tell(this.#server, event, args, (error) => {
      this.#upstream.lost(error);
      if (event !== 'error') this.#endUpgrade(event, args, error);
    });
    const [, , res] = args;
    if (event === 'error' && pending && typeof res === 'object' && res) this.#pending.set(res, pending);
  }

  #endUpgrade(event: string, args: readonly unknown[], error: ProxyError): void {
    for (const item of args) {
      // The attempt hears of it by its request, and refuses the client.
      if (item instanceof ClientRequest) item.on('error', () => {}).destroy(error);
      else if (item instanceof Socket && event !== 'proxyReqWs') item.on('error', () => {}).destroy();
    }
  }
}
