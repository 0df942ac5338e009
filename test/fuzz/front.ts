import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { cache } from '../../lib/cache/cache.js';
import { ProxyError } from '../../lib/core/errors.js';
import { pipeline } from '../../lib/core/pipeline.js';
import { readAheadLimit } from '../../lib/core/read-ahead.js';
import { sendError } from '../../lib/core/send-error.js';
import { retry } from '../../lib/retry/retry.js';
import type { ForwardHandler } from '../../lib/upstream/forward.js';

/** The server in front of `forward()`: paths below `/r` are tried again, and those below `/c` cached. */
export class Front {
  readonly sockets = new Set<Socket>();
  readonly server: Server;
  /** Requests whose response has not closed. */
  open = 0;
  readonly #cache = cache({ ttlMs: 1000, methods: ['GET', 'POST'] });

  /**
   * @param timeoutMs how long an upload that is read ahead may pause
   * @param broken called with an error that is nobody's but ours
   */
  constructor(handler: ForwardHandler, timeoutMs: number, broken: (error: string) => void) {
    const again = pipeline([retry({ initialDelayMs: 1, maxDelayMs: 5, maxAttempts: 3 }), handler]);
    const cached = pipeline([readAheadLimit(timeoutMs), this.#cache, handler]);
    // A client's connection that is kept is closed by the client.
    this.server = createServer({ noDelay: true, keepAliveTimeout: 0 }, (req, res) => {
      this.open++;
      res.on('close', () => this.open--);
      const chain = req.url?.startsWith('/r/') ? again : req.url?.startsWith('/c/') ? cached : handler;
      chain(req, res, (error) => {
        const { code, stack } = readError(error);
        if (!code || code === 'ERR_INTERNAL') broken(stack);
        if (res.headersSent) res.destroy();
        else sendError(req, res, error);
      });
    });
    this.server.on('upgrade', handler.upgrade).on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  async close(): Promise<void> {
    await this.#cache.close();
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function readError(error: unknown): { code: string | undefined; stack: string } {
  if (error instanceof ProxyError) return { code: error.code, stack: error.stack ?? error.message };
  return { code: undefined, stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
