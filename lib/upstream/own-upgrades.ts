import type { IncomingMessage } from 'node:http';
import { Server, type Socket } from 'node:net';

type UpgradeListener = (req: IncomingMessage, socket: Socket, head: Buffer) => void;

/** The upgrades that a `forward()` with `ws: true` takes from its servers, of which its calls tell it. */
export class OwnUpgrades {
  readonly #take: UpgradeListener;
  readonly #servers = new Set<Server>();
  #closed = false;

  constructor(take: UpgradeListener) {
    this.#take = take;
  }

  /** Takes the upgrades of the server that this call came by from now on. */
  learn(req: IncomingMessage): void {
    const server = serverOf(req);
    if (this.#closed || !server || this.#servers.has(server)) return;
    this.#servers.add(server);
    server.on('upgrade', this.#take);
  }

  /** Whether this upgrade comes here by itself, too. */
  takes(req: IncomingMessage): boolean {
    const server = serverOf(req);
    return server !== undefined && this.#servers.has(server);
  }

  close(): void {
    this.#closed = true;
    for (const server of this.#servers) server.off('upgrade', this.#take);
    this.#servers.clear();
  }
}

/** Node's servers leave themselves on their sockets, though its types do not say so. */
function serverOf({ socket }: IncomingMessage): Server | undefined {
  const server: unknown = socket && Reflect.get(socket, 'server');
  return server instanceof Server ? server : undefined;
}
