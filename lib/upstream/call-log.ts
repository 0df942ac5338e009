import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Options } from 'http-proxy-middleware';
import type { ProxyServer, ProxyTarget } from 'httpxy';
import { redactPath } from '../core/redact.js';
import type { Plan } from './transport.js';

type Logger = Options['logger'];

const REFERENCE = 'https://nodejs.org/api/errors.html#errors_common_system_errors';

/**
 * Writes what http-proxy-middleware's own plugin does, in its words, with secrets in URLs masked. Its plugin
 * learns of an answer by Node's client, which one of the transports has not. A logger that fails fails no call.
 */
export class CallLog {
  readonly #logger: Logger;
  readonly #beside: boolean;

  /** @param beside http-proxy-middleware's own plugin writes, too, of what it hears of */
  constructor(logger: Logger, beside = false) {
    this.#logger = logger;
    this.#beside = beside;
  }

  /** Listens for failed calls and for WebSockets that come and go. */
  listen(server: ProxyServer): void {
    if (!this.#logger || this.#beside) return;
    server.on('error', (error, req, _res, target) => this.#failed(error, req, target));
    server.on('open', (socket) => this.#write('info', '[HPM] Client connected: %o', addressOf(socket)));
    server.on('close', (_res, socket) =>
      this.#write('info', '[HPM] Client disconnected: %o', addressOf(socket)),
    );
  }

  /** An answer that is passed on; `undefined` where nobody reads it. */
  get answered(): ((plan: Plan, status: number) => void) | undefined {
    if (!this.#logger) return undefined;
    return ({ exchange: { req }, target, path, transport }, status) => {
      if (this.#beside && transport === 'node') return;
      const url = `${target.origin}${redactPath(path)}`;
      this.#write('info', `[HPM] ${req.method} ${redactPath(originalUrl(req))} -> ${url} [${status}]`);
    };
  }

  /** What a function of the user's failed with when no call could be failed by it any more. */
  readonly lost = (error: Error): void => {
    this.#write('error', '[HPM] %s (%s)', error.message, codeOf(error));
  };

  #failed(error: Error, req: IncomingMessage | undefined, target: ProxyTarget | undefined): void {
    const asked = `${req?.headers.host}${redactPath(req?.url ?? '')}`;
    const message = '[HPM] Error occurred while proxying request %s to %s [%s] (%s)';
    this.#write('error', message, asked, hrefOf(target), codeOf(error), REFERENCE);
  }

  #write(level: 'info' | 'error', ...line: [string, ...unknown[]]): void {
    try {
      this.#logger?.[level](...line);
    } catch {
      // There is nobody else to tell.
    }
  }
}

/** The code of the error below, which says more to who runs the proxy than what the client is told. */
function codeOf(error: Error): unknown {
  const { cause } = error;
  const below = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return (
    below ?? (cause instanceof Error ? cause.name : undefined) ?? Reflect.get(error, 'code') ?? error.name
  );
}

function hrefOf(target: ProxyTarget | undefined): string {
  if (typeof target !== 'object') return String(target === undefined ? target : redactPath(target));
  if (target instanceof URL) return redactPath(target.href);
  const { protocol = 'http:', hostname, host = hostname, port, socketPath } = target;
  if (socketPath !== undefined) return `unix:${socketPath}`;
  const named = isIP(host ?? '') === 6 ? `[${host}]` : host;
  return `${protocol}//${named}${port === undefined ? '' : `:${port}`}`;
}

/** Express keeps what it took off the path. */
function originalUrl(req: IncomingMessage): string {
  const { originalUrl, baseUrl } = req as { originalUrl?: unknown; baseUrl?: unknown };
  if (typeof originalUrl === 'string') return originalUrl;
  return `${typeof baseUrl === 'string' ? baseUrl : ''}${req.url}`;
}

const addressOf = (socket: Socket) => socket.address();
