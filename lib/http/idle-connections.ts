import type { Agent, ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';

/** Node's types say that it returns nothing. */
type KeepSocketAlive = (socket: Duplex) => boolean;

/**
 * Closes an agent's idle connection on which something arrives, and one that has become too old to be used again.
 * Node's agents keep what a target sends unasked, and take it for the response to the next request, which may be that
 * of another client (RFC 9112 §9.2).
 * @param maxAgeMs `Infinity` is no limit
 */
export function guardIdle<T extends Agent>(agent: T, maxAgeMs: number): T {
  // As it is called by Node, and not as its types have it.
  const keepSocketAlive = agent.keepSocketAlive as unknown as KeepSocketAlive;
  const { reuseSocket } = agent;
  const since = new WeakMap<Duplex, number>();
  return Object.assign(agent, {
    keepSocketAlive(socket: Duplex): boolean {
      const now = performance.now();
      const firstAt = since.get(socket) ?? now;
      since.set(socket, firstAt);
      if (now - firstAt >= maxAgeMs || !keepSocketAlive.call(agent, socket)) return false;
      socket.on('data', closeOne);
      return true;
    },
    reuseSocket(socket: Duplex, req: ClientRequest): void {
      socket.off('data', closeOne);
      reuseSocket.call(agent, socket, req);
    },
  });
}

function closeOne(this: Duplex): void {
  this.destroy();
}
