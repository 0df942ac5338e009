import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { cutCall } from '../core/cut-call.js';
import type { ProxyError } from '../core/errors.js';
import { knownExchange } from '../core/exchange.js';
import type { OpenResponses } from './open-responses.js';

/** Every open connection of a server, with the time it was accepted on the clock of `performance.now()`. */
export type OpenConnections = ReadonlyMap<Socket, number>;

/** Every open connection of a server, upgraded ones too. */
export function openConnections(server: Server): OpenConnections {
  const sockets = new Map<Socket, number>();
  server.on('connection', (socket: Socket) => {
    // A request whose upgrade is ignored comes in again on the same socket.
    if (sockets.has(socket)) return;
    sockets.set(socket, performance.now());
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** What {@link drain} works on. */
export interface Drained {
  readonly server: Server;
  readonly connections: OpenConnections;
  readonly responses: OpenResponses;
}

/** What was still in progress at the end of a {@link drain}. */
export interface CutOff {
  readonly calls: number;
  readonly connections: number;
}

const LOOK_EVERY_MS = 50;
/** Time that a client which has just connected has to send its request. */
const FIRST_REQUEST_MS = 1000;
/** Time for the last error responses to reach their clients. */
const FAREWELL_MS = 100;
const MAX_BACKLOG_TURNS = 100;

/**
 * Stops accepting connections and lets the calls in progress end; after `timeoutMs` the others get `error`, or are cut
 * off if their response has begun.
 */
export async function drain(drained: Drained, timeoutMs: number, error: () => ProxyError): Promise<CutOff> {
  const { server, connections, responses } = drained;
  await acceptBacklog(server);
  // Not Node's own close: that one begins by destroying connections whose response is not flushed. Bun's servers are
  // none of node:net, and have their own alone.
  const isOfNode: boolean = server instanceof NetServer;
  const { close } = isOfNode ? NetServer.prototype : server;
  const closed = new Promise<void>((resolve) => close.call(server, () => resolve()));
  const look = (): void => {
    responses.endEventStreams();
    endIdle(drained);
  };
  look();
  // There is no event for a connection that was busy at the close and becomes idle. Behind the sockets' own turn, so
  // that a request which has arrived is read first.
  const idle = setInterval(() => setImmediate(look), LOOK_EVERY_MS);
  const timers: NodeJS.Timeout[] = [];
  const cut = { calls: 0, connections: 0 };
  const destroyAll = (): void => {
    for (const socket of connections.keys()) socket.destroy();
  };
  timers[0] = setTimeout(() => {
    cut.connections = connections.size;
    for (const res of responses) {
      cut.calls++;
      const exchange = knownExchange(res.req);
      if (exchange) cutCall(exchange, error());
      else res.destroy();
    }
    timers[1] = setTimeout(destroyAll, FAREWELL_MS);
  }, timeoutMs);
  await closed;
  clearInterval(idle);
  for (const timer of timers) clearTimeout(timer);
  return cut;
}

/** Accepts the connections that the operating system has accepted already: it would reset them. */
async function acceptBacklog(server: Server): Promise<void> {
  let accepted = 0;
  const count = (): void => void accepted++;
  server.on('connection', count);
  let before = -1;
  for (let turn = 0; accepted > before && turn < MAX_BACKLOG_TURNS; turn++) {
    before = accepted;
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }
  server.off('connection', count);
}

function endIdle({ server, connections, responses }: Drained): void {
  const now = performance.now();
  for (const [socket, acceptedAt] of connections) {
    // Browsers open connections ahead of time, and Node counts one without a request as busy.
    if (socket.bytesRead === 0 && now - acceptedAt >= FIRST_REQUEST_MS) socket.destroy();
  }
  if (!responses.flushing) server.closeIdleConnections();
}
