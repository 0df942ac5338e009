import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { declineOthers } from './offers.js';
import { serverOf } from './serve-without-upgrade.js';
import type { UpgradeHandler } from './upgrade.js';

/** Takes upgrades from the servers that a handler's calls come in by. */
export class ServerUpgrades {
  readonly #servers = new Map<Server, UpgradeHandler>();
  #closed = false;

  /** Listens on the server that accepted this connection; once, however often it is called. */
  listen(socket: Duplex | undefined, handler: () => UpgradeHandler): void {
    const server = serverOf(socket);
    if (this.#closed || !server || this.#servers.has(server)) return;
    const take = handler();
    this.#servers.set(server, take);
    server.on('upgrade', take);
    declineOthers(server);
  }

  /** Stops listening; other listeners of the servers are not affected. */
  close(): void {
    this.#closed = true;
    for (const [server, take] of this.#servers) server.off('upgrade', take);
    this.#servers.clear();
  }
}
