import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { serverOf } from './serve-without-upgrade.js';
import type { UpgradeHandler } from './upgrade.js';

/** The upgrades that a handler takes from its servers, of which its calls tell it. */
export class ServerUpgrades {
  readonly #servers = new Map<Server, UpgradeHandler>();
  #closed = false;

  /** Listens to the server that this connection came in by; once, however often it is called. */
  listen(socket: Duplex, handler: () => UpgradeHandler): void {
    const server = serverOf(socket);
    if (this.#closed || !server || this.#servers.has(server)) return;
    const take = handler();
    this.#servers.set(server, take);
    server.on('upgrade', take);
  }

  /** Leaves its servers, and what comes by them, to others. */
  close(): void {
    this.#closed = true;
    for (const [server, take] of this.#servers) server.off('upgrade', take);
    this.#servers.clear();
  }
}
