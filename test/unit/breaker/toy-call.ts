import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type {
  Attempt,
  AttemptEnd,
  AttemptFailure,
  AttemptOutcome,
  Blame,
} from '../../../lib/core/attempt.js';
import { type ErrorCode, ProxyError } from '../../../lib/core/errors.js';
import type { Limit } from '../../../lib/core/exchange.js';
import { Exchange } from '../../../lib/core/exchange.js';

/** A clock that moves only when it is told to. */
export interface ToyClock {
  (): number;
  advance(ms: number): void;
}

export const EPOCH = 1_700_000_000_000;

export function toyClock(): ToyClock {
  let now = EPOCH;
  return Object.assign(() => now, {
    advance: (ms: number) => {
      now += ms;
    },
  });
}

/** A call without a connection. */
export function toyExchange(): Exchange {
  const req = new IncomingMessage(new Socket());
  return new Exchange(req, new ServerResponse(req));
}

export function response(status: number): AttemptOutcome {
  return { kind: 'response', head: { status, statusText: '', rawHeaders: [] } };
}

/** @param by where it is another's doing than the code says */
export function failure(code: ErrorCode, staleConnection = false, by?: Blame): AttemptFailure {
  const error = new ProxyError(code, `${code} happened`, { by });
  return { kind: 'failure', error, by: error.by, retryClass: undefined, unsent: false, staleConnection };
}

export const ABANDONED: AttemptOutcome = { kind: 'abandoned' };

/** An attempt under way. */
export interface ToyAttempt {
  readonly refused: ProxyError | undefined;
  readonly exchange: Exchange;
  /** @param tookMs how long its target had all of the request */
  end(outcome: AttemptOutcome, tookMs?: number): void;
  /** Ends it from this side, before its head, while its client waits. */
  stop(): void;
  /** Breaks off the response that was accepted. */
  cut(code: ErrorCode, by?: Blame): void;
}

/** Begins an attempt as the attempt loop does. */
export function begin(limit: Limit, exchange: Exchange = toyExchange()): ToyAttempt {
  const attempt: Attempt & { sentAt: number | undefined } = {
    number: exchange.attempts.length + 1,
    startedAt: performance.now(),
    durationMs: 0,
    waitedMs: 0,
    sentAt: undefined,
    egress: undefined,
    outcome: undefined,
    end: undefined,
  };
  const admitted = limit.admit?.(attempt, exchange);
  if (admitted instanceof Promise) throw new Error('A circuit makes no call wait');
  const refused = admitted instanceof ProxyError ? admitted : undefined;
  const permit = admitted instanceof ProxyError ? undefined : admitted;
  if (!refused) exchange.attempts.push(attempt);
  const conclude = (end: AttemptEnd): void => {
    attempt.end = end;
    permit?.end?.(attempt, exchange);
  };
  return {
    refused,
    exchange,
    end(outcome, tookMs) {
      attempt.outcome = outcome;
      if (tookMs !== undefined) {
        attempt.sentAt = attempt.startedAt;
        attempt.durationMs = tookMs;
      }
      // How its body goes on is not told yet.
      if (outcome.kind === 'response') permit?.head?.(attempt, exchange);
      else if (outcome.kind === 'failure') conclude(outcome);
      else {
        exchange.close();
        conclude({ kind: 'cancelled' });
      }
    },
    stop: () => conclude({ kind: 'cancelled' }),
    cut: (code, by) => conclude(failure(code, false, by)),
  };
}

/** Makes attempts one after the other, each in a call of its own. */
export function run(limit: Limit, ...outcomes: AttemptOutcome[]): void {
  for (const outcome of outcomes) {
    const attempt = begin(limit);
    if (attempt.refused) throw attempt.refused;
    attempt.end(outcome);
  }
}

export function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}
