import type { ProxyServer } from 'httpxy';
import { shuttingDown } from '../../core/errors.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { UpgradeAttempt } from './attempt.js';

/**
 * Sends WebSocket handshakes with Node's client. undici does not release a connection that has switched protocols,
 * and httpxy sends no response for a failed handshake and loses what the client sends too early.
 */
export class UpgradeTransport {
  readonly #server: ProxyServer;
  readonly #options: ConnectionOptions;
  #closed = false;
  readonly #underWay = new Set<UpgradeAttempt>();

  /** @param server http-proxy-middleware's, on which its users listen for `proxyReqWs`, `open` and `close` */
  constructor(server: ProxyServer, options: ConnectionOptions) {
    this.#server = server;
    this.#options = options;
  }

  readonly send = (plan: Plan, listener: AttemptListener): Sending => {
    const attempt = new UpgradeAttempt(plan, listener, {
      server: this.#server,
      limits: this.#options,
      over: () => this.#underWay.delete(attempt),
    });
    this.#underWay.add(attempt);
    if (this.#closed) attempt.fail(shuttingDown());
    else attempt.start();
    return attempt;
  };

  /** Fails the handshakes that have no response yet. */
  close(): void {
    this.#closed = true;
    for (const attempt of this.#underWay) attempt.fail(shuttingDown());
  }
}
