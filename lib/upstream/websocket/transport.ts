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
  /** They wait for one of those under way to end. */
  readonly #waiting = new Set<UpgradeAttempt>();

  /** @param server http-proxy-middleware's, on which its users listen for `proxyReqWs`, `open` and `close` */
  constructor(server: ProxyServer, options: ConnectionOptions) {
    this.#server = server;
    this.#options = options;
  }

  readonly send = (plan: Plan, listener: AttemptListener): Sending => {
    const attempt = new UpgradeAttempt(plan, listener, {
      server: this.#server,
      limits: this.#options,
      over: () => this.#over(attempt),
    });
    const { req, upgrade, api } = plan.exchange;
    const address = req.socket.remoteAddress ?? '';
    const full = upgrade?.sockets.take(api, upgrade.socket, address, this.#options);
    if (this.#closed) attempt.fail(shuttingDown());
    else if (full) attempt.fail(full);
    else if (this.#underWay.size >= this.#options.connections) this.#waiting.add(attempt);
    else this.#start(attempt);
    return attempt;
  };

  #start(attempt: UpgradeAttempt): void {
    this.#underWay.add(attempt);
    attempt.start();
  }

  #over(attempt: UpgradeAttempt): void {
    this.#waiting.delete(attempt);
    if (!this.#underWay.delete(attempt) || this.#closed) return;
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    this.#start(next);
  }

  /** Fails the handshakes that have no response yet. */
  close(): void {
    this.#closed = true;
    for (const attempt of [...this.#underWay, ...this.#waiting]) attempt.fail(shuttingDown());
  }
}
