import type { Attempt } from '../core/attempt.js';
import { brokenOffBy } from '../core/cut-call.js';
import type { CallResult, EndedCall, Outcome } from '../core/ended-call.js';
import { type ErrorCode, type ProxyError, statusOfCode } from '../core/errors.js';
import { announcesBody, type Exchange } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { measuredResponse } from '../core/meter.js';
import { headerValue } from './headers.js';
import { reasonOf } from './reason.js';
import { isStreamType } from './stream-types.js';

/**
 * What an attempt says of its API: `success`; `clientError`, a 4xx; `failure`, a 5xx, no response or a broken one by
 * the API's fault; `otherFailure`, by that of an egress proxy or this process, an idle connection that the API had closed
 * among them; `abandoned`, its client left or did not read or write.
 */
export type AttemptResult = 'success' | 'clientError' | 'failure' | 'otherFailure' | 'abandoned';

/** Every {@link AttemptResult}, in the order in which they are packed. */
export const ATTEMPT_RESULTS = [
  'success',
  'clientError',
  'failure',
  'otherFailure',
  'abandoned',
] as const satisfies readonly AttemptResult[];

/** Errors by which this process decides not to send a call on. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'ERR_UNKNOWN_API',
  'ERR_BODY_REQUIRED',
  'ERR_INVALID_JSON',
  'ERR_BAD_REQUEST',
  'ERR_FORBIDDEN',
  'ERR_METHOD_NOT_ALLOWED',
  'ERR_REQUEST_TIMEOUT',
  'ERR_BODY_TOO_LARGE',
  'ERR_RATE_LIMITED',
  'ERR_TRANSFER_CODING',
  'ERR_CIRCUIT_OPEN',
  'ERR_CONCURRENCY_LIMIT',
  'ERR_NO_CONNECTION',
  'ERR_QUEUE_FULL',
  'ERR_SHUTTING_DOWN',
  'ERR_LOOP_DETECTED',
]);

/** The status of a refusal by its code; `undefined` for any other code. */
export const statusOfRefusal = (code: string): number | undefined =>
  (REFUSALS as ReadonlySet<string>).has(code) ? statusOfCode(code as ErrorCode) : undefined;

/** A body that is still on its way so long after its head is a stream. */
export const STREAM_MS = 1000;

/** What came of a call whose response has closed. Whoever asks first has it worked out for all. */
export function endedCall(exchange: Exchange): EndedCall {
  exchange.ended ??= workOut(exchange);
  return exchange.ended;
}

function workOut(exchange: Exchange): EndedCall {
  const durationMs = Math.max(0, performance.now() - exchange.startedAt);
  const cut = cutOf(exchange);
  const result = resultOf(exchange, cut);
  const firstMs = firstByteMs(exchange, durationMs);
  const isStream = wasStream(exchange, durationMs - firstMs);
  return { cut, result, outcome: outcomeOf(exchange, result), durationMs, firstMs, isStream };
}

/** The error that broke off a response whose head had been sent; `undefined` if none is known. */
function cutOf(exchange: Exchange): ProxyError | undefined {
  return exchange.cut ?? brokenOffBy(exchange);
}

/**
 * The result of a call whose response has closed. A refusal counts by its status: 503 is a failure, 429 is not.
 * @param cut what {@link cutOf} returns
 */
export function resultOf(
  { res, error }: Pick<Exchange, 'res' | 'error'>,
  cut: ProxyError | undefined,
): CallResult {
  const by = (error ?? cut)?.by;
  if (!res.headersSent) return by === undefined || by === 'client' ? 'aborted' : 'failure';
  // A response that its client read too slowly was cut by its target, and left by its client.
  if (res.statusCode >= 500 || (cut && cut.by !== 'client')) return 'failure';
  return isWritten(res) ? 'success' : 'left';
}

/**
 * The outcome of a call.
 * @param result what {@link resultOf} returns
 */
export function outcomeOf(exchange: Exchange, result: CallResult): Outcome {
  const { res, error, attempts } = exchange;
  if (error && res.headersSent && REFUSALS.has(error.code) && res.statusCode === error.status) {
    // An error by which a call ends that was tried before is the end of a failure.
    if (attempts.length === 0 || error.status < 500) return 'refused';
  }
  if (exchange.onlyIfCached) return 'refused';
  if (result === 'failure' || result === 'aborted') return result;
  // An event stream ends when its client leaves.
  if (result === 'left' && !hasStreamType(exchange)) return 'aborted';
  return res.statusCode >= 400 ? 'clientError' : 'success';
}

/**
 * From a call to the head of its response, in milliseconds.
 * @param durationMs from the call to the end of its response
 */
function firstByteMs({ res, startedAt, respondedAt }: Exchange, durationMs: number): number {
  const firstAt = respondedAt ?? measuredResponse(res)?.firstByteAt ?? 0;
  // A head without a body may have been sent unobserved, as by `flushHeaders()`.
  return firstAt > startedAt ? Math.min(firstAt - startedAt, durationMs) : durationMs;
}

/**
 * Whether a call whose response has closed was a stream, whose time is told apart: of events, lines or pictures, or any
 * other whose body was on its way for longer than {@link STREAM_MS}.
 * @param bodyMs how long the body was on its way
 */
export const wasStream = (exchange: Exchange, bodyMs: number): boolean =>
  exchange.res.headersSent && (bodyMs > STREAM_MS || hasStreamType(exchange));

/** Whether the response that a call is getting is a stream by now. @param now on the clock of `performance.now()` */
export function isOpenStream(exchange: Exchange, now: number): boolean {
  if (!exchange.res.headersSent) return false;
  const sinceMs = now - exchange.startedAt;
  return wasStream(exchange, sinceMs - firstByteMs(exchange, sinceMs));
}

/** Whether the response is one that may be quiet for long, of events for instance. */
export function hasStreamType({ attempts, res }: Exchange): boolean {
  const outcome = attempts.at(-1)?.outcome;
  if (outcome) {
    return outcome.kind === 'response' && isStreamType(headerValue(outcome.head.rawHeaders, 'content-type'));
  }
  const type = res.getHeader('content-type');
  return typeof type === 'string' && isStreamType(type);
}

/** What an attempt that has ended says of its API. */
export function attemptResultOf({ outcome, end }: Attempt): AttemptResult {
  const failure = end?.kind === 'failure' ? end : outcome?.kind === 'failure' ? outcome : undefined;
  if (failure) {
    if (failure.by === 'client') return 'abandoned';
    // It may close an idle connection whenever it likes: to send on one that it has closed is our doing.
    if (failure.staleConnection) return 'otherFailure';
    return failure.by === 'target' ? 'failure' : 'otherFailure';
  }
  if (outcome?.kind !== 'response') return 'abandoned';
  const { status } = outcome.head;
  if (status >= 500) return 'failure';
  return status >= 400 ? 'clientError' : 'success';
}

/**
 * How long an API took to respond to an attempt, in milliseconds: from its begin, after all waits for a limit or an
 * egress proxy, to the head of its response; if the client sent a body, from the last byte of that, so that a slow
 * client is no slow API. If there was no response, the time that was waited for it in vain: by the time limit, or by
 * the client. `undefined` if there was none and nothing was waited for: a connection that was refused or reset.
 */
export function upstreamMs(attempt: Attempt, { req }: Pick<Exchange, 'req'>): number | undefined {
  const { outcome, startedAt, durationMs } = attempt;
  if (!outcome || attempt.end?.kind === 'unused') return undefined;
  if (outcome.kind === 'failure' && (outcome.by !== 'target' || outcome.retryClass !== 'timeout'))
    return undefined;
  const sentAt = announcesBody(req) ? attempt.sentAt : undefined;
  // A client that left amid its upload has waited for nobody.
  if (outcome.kind === 'abandoned' && sentAt === undefined && announcesBody(req)) return undefined;
  return sentAt === undefined ? durationMs : Math.max(0, startedAt + durationMs - sentAt);
}

/** The message of a request that failed, or got an error response of the gateway. */
export function messageOf(
  { res, error }: Pick<Exchange, 'res' | 'error'>,
  cut: ProxyError | undefined,
): string {
  const cause = error ?? cut;
  if (cause) return cause.message;
  return `status ${res.statusCode}${reasonOf(res) && ` ${reasonOf(res)}`}`;
}
