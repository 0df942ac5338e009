import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Options } from 'http-proxy-middleware';
import type { ProxyServer, ProxyTarget } from 'httpxy';
import type { ProxyError } from '../core/errors.js';
import { redactPath } from '../core/redact.js';
import { asUrl } from './request/target.js';
import type { Plan } from './transport.js';

type Logger = Options['logger'];

const REFERENCE = 'https://nodejs.org/api/errors.html#errors_common_system_errors';

/**
 * Writes the same lines as http-proxy-middleware's logger plugin, with secrets in URLs masked. That plugin depends on
 * Node's client, which the undici transport does not use. A logger that throws does not fail a call.
 */
export class CallLog {
  readonly #logger: Logger;
  readonly #beside: boolean;

  /** @param beside http-proxy-middleware's own plugin writes, too, of what it hears of */
  constructor(logger: Logger, beside = false) {
    this.#logger = logger;
    this.#beside = beside;
  }

  /** Logs failed calls, and WebSockets that open and close. */
  listen(server: ProxyServer): void {
    if (!this.#logger || this.#beside) return;
    server.on('error', (error, req, _res, target) => this.#failed(error, req, target));
    server.on('open', (socket) => this.#write('info', '[HPM] Client connected: %o', addressOf(socket)));
    server.on('close', (_res, socket) =>
      this.#write('info', '[HPM] Client disconnected: %o', addressOf(socket)),
    );
  }

  /** Logs a response that is passed on; `undefined` without a logger. */
  get logResponse(): ((plan: Plan, status: number) => void) | undefined {
    if (!this.#logger) return undefined;
    return ({ exchange: { req }, target, path, transport }, status) => {
      if (this.#beside && transport === 'node') return;
      const url = `${target.origin}${redactPath(path)}`;
      this.#write('info', `[HPM] ${req.method} ${redactPath(originalUrl(req))} -> ${url} [${status}]`);
    };
  }

  /**
   * Logs a response that breaks off, as http-proxy-middleware does, whose plugin does not hear of it here; `undefined`
   * without a logger.
   */
  get logCut(): ((plan: Plan, error: ProxyError) => void) | undefined {
    if (!this.#logger) return undefined;
    return ({ exchange: { req }, proxyOptions }, error) =>
      this.#failed(error, req, asUrl(proxyOptions.target));
  }

  /** Logs what a user's function failed with after its call had ended. */
  readonly lost = (error: Error): void => {
    this.#write('error', '[HPM] %s (%s)', error.message, codeOf(error));
  };

  #failed(error: Error, req: IncomingMessage | undefined, target: ProxyTarget | undefined): void {
    const requested = `${req?.headers.host}${redactPath(req?.url ?? '')}`;
    const message = '[HPM] Error occurred while proxying request %s to %s [%s] (%s)';
    this.#write('error', message, requested, hrefOf(target), codeOf(error), REFERENCE);
  }

  #write(level: 'info' | 'error', ...line: [string, ...unknown[]]): void {
    try {
      this.#logger?.[level](...line);
    } catch {
      // There is nowhere else to report it.
    }
  }
}

/** The code of the underlying error, which tells the operator more than the message for the client. */
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

/** Express keeps the path as it was before it removed the mount path. */
function originalUrl(req: IncomingMessage): string {
  const { originalUrl, baseUrl } = req as { originalUrl?: unknown; baseUrl?: unknown };
  if (typeof originalUrl === 'string') return originalUrl;
  return `${typeof baseUrl === 'string' ? baseUrl : ''}${req.url}`;
}

const addressOf = (socket: Socket) => socket.address();
