import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { type ErrorCode, ProxyError } from '../../../lib/core/errors.js';
import type { Attempt, AttemptOutcome, Limit } from '../../../lib/core/attempt.js';
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

export function failure(code: ErrorCode, staleConnection = false): AttemptOutcome {
  const error = new ProxyError(code, `${code} happened`);
  return { kind: 'failure', error, retryClass: undefined, unsent: false, staleConnection };
}

export const ABANDONED: AttemptOutcome = { kind: 'abandoned' };

/** A guarded attempt under way. */
export interface ToyAttempt {
  readonly refused: ProxyError | undefined;
  readonly exchange: Exchange;
  end(outcome: AttemptOutcome): void;
  /** Breaks off the response that was accepted. */
  cut(code: ErrorCode): void;
}

/** Begins an attempt as the attempt loop does. */
export function begin(guard: Limit, exchange: Exchange = toyExchange()): ToyAttempt {
  const attempt: Attempt = {
    number: exchange.attempts.length + 1,
    startedAt: performance.now(),
    durationMs: 0,
    waitedMs: 0,
    egress: undefined,
    outcome: undefined,
  };
  const refused = guard.before?.(attempt, exchange);
  if (refused instanceof Promise) throw new Error('A circuit makes no call wait');
  if (!refused) exchange.attempts.push(attempt);
  return {
    refused,
    exchange,
    end(outcome) {
      attempt.outcome = outcome;
      guard.after?.(attempt, exchange);
    },
    cut: (code) => guard.cut?.(attempt, exchange, new ProxyError(code, `${code} happened`)),
  };
}

/** Makes attempts one after the other, each in a call of its own. */
export function run(guard: Limit, ...outcomes: AttemptOutcome[]): void {
  for (const outcome of outcomes) {
    const attempt = begin(guard);
    if (attempt.refused) throw attempt.refused;
    attempt.end(outcome);
  }
}

export function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}
