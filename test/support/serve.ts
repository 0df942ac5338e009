import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Handler } from '../../lib/core/exchange.js';
import { sendError } from '../../lib/core/send-error.js';
import { type Connections, listening } from './listening.js';

/** A server for the handler under test, closed with all its sockets after the test. */
export interface Served {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  readonly connections: Connections;
  /** Errors that the handler passed to `next()`. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

export interface ServeOptions {
  /** Takes upgrades. */
  upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Serves one handler on `node:http`. Errors are sent as JSON; a request that it passes on gets a 404. */
export async function serve(handler: Handler, { upgrade }: ServeOptions = {}): Promise<Served> {
  const errors: unknown[] = [];
  const server = createServer((req, res) => {
    handler(req, res, (error) => {
      if (error === undefined || error === null) {
        res.writeHead(404).end('passed on');
        return;
      }
      errors.push(error);
      sendError(req, res, error);
    });
  });
  if (upgrade) server.on('upgrade', upgrade);
  return { ...(await served(server)), errors };
}

/** Serves an Express application or any other request listener. */
export async function serveApp(app: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<Served> {
  const server = createServer((req, res) => void app(req, res));
  return { ...(await served(server)), errors: [] };
}

async function served(server: Server): Promise<Omit<Served, 'errors'>> {
  const { port, connections, close } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, port, server, connections, close };
}
