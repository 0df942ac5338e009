import type { Exchange } from '../core/exchange.js';
import { redactPath } from '../core/redact.js';
import type { Logger } from './logger.js';
import { requestId } from './request-id.js';

/** Called once for each request below `/api`, when its response has closed. */
export type CallLog = (exchange: Exchange) => void;

/**
 * Logs the calls that failed, or every call when `accessLog` is on. A refusal by an open circuit is logged at level
 * debug: the opening of the circuit was logged already, and an outage must not fill the disk.
 */
export function callLog(logger: Logger, accessLog: boolean): CallLog {
  return function logCall(exchange) {
    const { res, error } = exchange;
    // A client that left before a response is not our failure, and there is no status.
    const failed = res.headersSent && res.statusCode >= 500;
    if (!failed && !accessLog) return;
    const level = failed ? levelOf(error?.code) : 'info';
    if (!logger.isLevelEnabled(level)) return;
    const { req, api, attempts, startedAt, originalUrl } = exchange;
    const upstreamStatus = upstreamStatusOf(exchange);
    logger[level](
      {
        requestId: requestId(req),
        api: api || undefined,
        method: req.method,
        path: redactPath(api ? `/api/${api}${originalUrl}` : `/api${originalUrl}`),
        status: res.headersSent ? res.statusCode : undefined,
        upstreamStatus,
        aborted: res.writableFinished ? undefined : true,
        code: error?.code,
        // A response of the target is its own doing.
        by: failed ? (error?.by ?? 'target') : error?.by,
        attempts: attempts.length,
        durationMs: Math.round(performance.now() - startedAt),
        cause: failed ? error?.cause : undefined,
      },
      failed ? (error?.message ?? failureText(res.statusCode, upstreamStatus, attempts.length)) : 'call',
    );
  };
}

function levelOf(code: string | undefined): 'debug' | 'error' | 'warn' {
  if (code === 'ERR_CIRCUIT_OPEN') return 'debug';
  return code === 'ERR_INTERNAL' ? 'error' : 'warn';
}

/** Status of the last response that an upstream sent; `undefined` where the last attempt got none. */
function upstreamStatusOf({ attempts }: Exchange): number | undefined {
  const outcome = attempts.at(-1)?.outcome;
  return outcome && 'head' in outcome ? outcome.head.status : undefined;
}

function failureText(status: number, upstreamStatus: number | undefined, attempts: number): string {
  if (upstreamStatus === undefined) return `status ${status} without a response of the upstream`;
  return `the upstream responded with ${upstreamStatus} after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
}
