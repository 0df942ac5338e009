import type { Exchange } from '../core/exchange.js';
import { redactPath } from '../core/redact.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { Logger } from './logger.js';
import { requestId } from './request-id.js';

/** Called once for each call below `/api`, when its response has closed. */
export type CallLog = (exchange: Exchange) => void;

/**
 * Logs the calls that failed; every call where `accessLog` is on. A refusal by an open circuit is logged at
 * level debug, for the circuit's opening was: an outage must not fill the disk.
 */
export function callLog(logger: Logger, accessLog: boolean): CallLog {
  return function logCall(exchange) {
    const { res, error } = exchange;
    // A client that left is no failure of ours, and without a head there is no status either.
    const failed = res.headersSent && res.statusCode >= 500;
    if (!failed && !accessLog) return;
    const level = failed ? levelOf(error?.code) : 'info';
    if (!logger.isLevelEnabled(level)) return;
    const { req, api, attempts, startedAt, originalUrl } = exchange;
    logger[level](
      {
        requestId: requestId(req),
        api: api || undefined,
        method: req.method,
        path: redactPath(api ? `/api/${api}${originalUrl}` : `/api${originalUrl}`),
        status: res.headersSent ? res.statusCode : undefined,
        aborted: res.writableFinished ? undefined : true,
        code: error?.code,
        attempts: attempts.length,
        durationMs: Math.round(performance.now() - startedAt),
        cause: failed ? error?.cause : undefined,
      },
      failed ? (error?.message ?? 'the upstream failed') : 'call',
    );
  };
}

function levelOf(code: string | undefined): 'debug' | 'error' | 'warn' {
  if (code === 'ERR_CIRCUIT_OPEN') return 'debug';
  return code === 'ERR_INTERNAL' ? 'error' : 'warn';
}

/** Logs each circuit that opens, tries and closes. @returns to be called again after an update of the proxy */
export function logCircuits(proxy: ResilientProxy, logger: Logger): () => void {
  const known = new WeakSet<object>();
  function listen(): void {
    for (const { breaker } of proxy.apis.values()) {
      if (!breaker || known.has(breaker)) continue;
      known.add(breaker);
      breaker.on('open', (event) => logger.warn(event, 'circuit open'));
      breaker.on('halfOpen', (event) => logger.info(event, 'circuit half open'));
      breaker.on('close', (event) => logger.info(event, 'circuit closed'));
    }
  }
  listen();
  return listen;
}
