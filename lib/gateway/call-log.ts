import type { ResponseHead } from '../core/attempt.js';
import type { ProxyError } from '../core/errors.js';
import { type Exchange, UNKNOWN_API } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { bytesSent, measuredBody } from '../core/meter.js';
import { redactPath } from '../core/redact.js';
import { phasesOf } from '../explain/phases.js';
import { clientAddress } from '../http/client-address.js';
import { headerValue } from '../http/headers.js';
import { endedCall, upstreamMs } from '../http/outcome.js';
import { HangWatch } from './hang-watch.js';
import type { Logger } from './logger.js';
import { requestId } from './request-id.js';

/** Called once for each request below `/api`, when its response has closed. */
export type CallLog = (exchange: Exchange) => void;

/** Logs a WebSocket if it is cut off at the shutdown. */
export function logWhenCut(exchange: Exchange, logger: Logger): void {
  const { upgrade, req, api, startedAt } = exchange;
  if (!upgrade) return;
  const { method } = req;
  const given = exchange.requestId ?? requestId(req);
  upgrade.onCut.push(({ bytesIn, bytesOut }, { code, by, message }) => {
    const path = requestedPath(exchange);
    const durationMs = Math.round(performance.now() - startedAt);
    logger.warn(
      { requestId: given, api, method, path, status: 101, code, by, durationMs, bytesIn, bytesOut },
      message,
    );
  });
}

/** What decides about the lines of calls. */
export interface CallLogOptions {
  readonly accessLog: boolean;
  /** Proxies in front, whose `X-Forwarded-For` is believed. */
  readonly trustProxy: readonly string[];
}

/**
 * Logs the calls that failed, responses that broke off among them, or every call when `accessLog` is on. Without it, a
 * refusal by an open circuit is logged at level debug: the opening of the circuit was logged already, and an outage must
 * not fill the disk. Of an API that clients wait for in vain a warning tells, once a minute.
 */
export function callLog(logger: Logger, { accessLog, trustProxy }: CallLogOptions): CallLog {
  const hangs = new HangWatch(logger);
  const clientOf = clientAddress(trustProxy);
  return function logCall(exchange) {
    const { res } = exchange;
    const { cut, result, outcome } = endedCall(exchange);
    const error = exchange.error ?? cut;
    hangs.ended(exchange, result);
    // A client that left before a response is not our failure, and there is no status; nor is one that wants only what is cached.
    const failed = res.headersSent && result === 'failure' && !exchange.onlyIfCached;
    if (!failed && !accessLog) return;
    const level = failed ? levelOf(error?.code, accessLog) : 'info';
    if (!logger.isLevelEnabled(level)) return;
    const { req, api, attempts, startedAt } = exchange;
    const now = performance.now();
    const head = upstreamHead(exchange);
    logger[level](
      {
        ...idsOf(exchange, head),
        client: clientOf(req),
        api: api === UNKNOWN_API ? undefined : api || undefined,
        method: req.method,
        path: requestedPath(exchange),
        status: res.headersSent ? res.statusCode : undefined,
        upstreamStatus: head?.status,
        outcome,
        aborted: cut || !isWritten(res) ? true : undefined,
        code: error?.code,
        // A response of the target is its own doing.
        by: failed ? (error?.by ?? 'target') : error?.by,
        cache: exchange.cache,
        attempts: attempts.length,
        // Of the attempt whose response was sent; its name holds no credential.
        proxy: attempts.at(-1)?.egress,
        bytesIn: measuredBody(req),
        bytesOut: bytesSent(exchange),
        durationMs: Math.round(now - startedAt),
        upstreamMs: upstreamMsOf(exchange),
        phases: phaseTimes(exchange, now),
        cause: failed ? error?.cause : undefined,
      },
      failed ? failureText(exchange, cut, head?.status) : 'call',
    );
  };
}

/** How long the last attempt took to the head of its response, or was waited for in vain. */
function upstreamMsOf(exchange: Exchange): number | undefined {
  const last = exchange.attempts.at(-1);
  const ms = last && upstreamMs(last, exchange);
  return ms === undefined ? undefined : Math.round(ms);
}

/** Where the request went, with the name of its API; a name that is none stands in the URL still. */
function requestedPath({ api, originalUrl }: Exchange): string {
  return redactPath(api && api !== UNKNOWN_API ? `/api/${api}${originalUrl}` : `/api${originalUrl}`);
}

/** The id of the call, and that which the target has given it where it is another. */
function idsOf({ requestId: own, req }: Exchange, head: ResponseHead | undefined): object {
  const id = own ?? requestId(req);
  const given = head && headerValue(head.rawHeaders, 'x-request-id');
  return { requestId: id, upstreamRequestId: given === id ? undefined : given?.slice(0, MAX_ID) };
}

/** Milliseconds by phase; how long all of it took, and the upstream's part, have fields of their own. */
function phaseTimes(exchange: Exchange, now: number): Record<string, number> | undefined {
  const times: Record<string, number> = {};
  for (const { name, ms } of phasesOf(exchange, now)) {
    if (ms !== undefined && name !== 'upstream') times[name] = Math.max(0, Math.round(ms * 10) / 10);
  }
  return Object.keys(times).length > 0 ? times : undefined;
}

function levelOf(code: string | undefined, accessLog: boolean): 'debug' | 'info' | 'error' | 'warn' {
  if (code === 'ERR_CIRCUIT_OPEN') return accessLog ? 'info' : 'debug';
  return code === 'ERR_INTERNAL' ? 'error' : 'warn';
}

/** Head of the last response that an upstream sent; `undefined` where the last attempt got none. */
function upstreamHead({ attempts }: Exchange): ResponseHead | undefined {
  const outcome = attempts.at(-1)?.outcome;
  return outcome && 'head' in outcome ? outcome.head : undefined;
}

function failureText(
  { res, error, attempts }: Exchange,
  cut: ProxyError | undefined,
  upstreamStatus: number | undefined,
): string {
  if (cut) return `the response broke off: ${cut.message}`;
  if (error) return error.message;
  if (upstreamStatus === undefined) return `status ${res.statusCode} without a response of the upstream`;
  const { length } = attempts;
  return `the upstream responded with ${upstreamStatus} after ${length} ${length === 1 ? 'attempt' : 'attempts'}`;
}

/** Longer ones are no ids. */
const MAX_ID = 200;
