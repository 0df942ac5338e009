import type { Socket } from 'node:net';
import type { Attempt, Blame } from '../core/attempt.js';
import type { Limit, Permit } from '../core/exchange.js';
import { announcesBody, type Exchange } from '../core/exchange.js';
import { ApiCounts } from './api-counts.js';

const MAX_APIS = 1000;
const OTHER = 'other';

/** Counts calls when they settle, and attempts as their guard: those of calls without a client too. */
export class CallCounts implements Limit, Permit {
  /** By the value of the label `api`. */
  readonly apis = new Map<string, ApiCounts>();
  /** Calls in progress. */
  inFlight = 0;
  readonly #name: string;
  readonly #bucketsMs: readonly number[];

  /** @param name name of the API for calls that have none */
  constructor(name: string, bucketsMs: readonly number[]) {
    this.#name = name;
    this.#bucketsMs = bucketsMs;
  }

  begin(exchange: Exchange): void {
    this.inFlight++;
    mark(exchange.req.socket);
    exchange.onSettled(this.#settled);
  }

  admit(): Permit {
    return this;
  }

  head(attempt: Attempt, exchange: Exchange): void {
    this.#countAttempt(attempt, exchange);
  }

  end(attempt: Attempt, exchange: Exchange): void {
    const { outcome, end } = attempt;
    if (outcome?.kind !== 'response' && end?.kind !== 'unused') this.#countAttempt(attempt, exchange);
    const by = blameOf(attempt, exchange);
    if (by) this.#of(exchange.api).failedBy[by]++;
  }

  #countAttempt({ egress, outcome, durationMs }: Attempt, { api }: Exchange): void {
    if (outcome) this.#of(api).countAttempt(egress, outcome, durationMs);
  }

  // One function for all calls, so that none of them creates a closure.
  readonly #settled = (exchange: Exchange): void => {
    this.inFlight--;
    const counts = this.#of(exchange.api);
    counts.countCall(exchange);
    const { req } = exchange;
    const marked: Marked = req.socket;
    if (!marked[MARK]) return;
    counts.bytesOut += marked.bytesWritten - marked[MARK].written;
    if (!announcesBody(req)) return;
    const length = req.headers['content-length'];
    // Content-Length is reliable only once the whole body was read.
    const known = length !== undefined && req.complete;
    counts.bytesIn += known ? Number(length) : marked.bytesRead - marked[MARK].read;
  };

  #of(api: string): ApiCounts {
    const name = api || this.#name;
    const known = this.apis.get(name);
    if (known) return known;
    if (this.apis.size >= MAX_APIS && name !== OTHER) return this.#of(OTHER);
    const fresh = new ApiCounts(this.#bucketsMs);
    this.apis.set(name, fresh);
    return fresh;
  }
}

/** Who caused that an attempt has no complete response; `undefined` if it has one, or nobody did. */
function blameOf({ end, outcome }: Attempt, exchange: Exchange): Blame | undefined {
  if (end?.kind === 'failure') return end.by;
  if (end?.kind !== 'cancelled') return undefined;
  if (exchange.abandoned) return 'client';
  // A stream that was quiet for too long has ended after its head, and is nobody's failure.
  return outcome?.kind === 'response' ? undefined : 'self';
}

const MARK: unique symbol = Symbol('resilient-proxy-out.metrics');

/** A client's connection, with its byte counters as they were when its latest call began. */
type Marked = Socket & { [MARK]?: { read: number; written: number } };

function mark(socket: Marked | undefined): void {
  // A request made up by a test may have no connection.
  if (typeof socket?.bytesWritten !== 'number') return;
  socket[MARK] ??= { read: 0, written: 0 };
  socket[MARK].read = socket.bytesRead;
  socket[MARK].written = socket.bytesWritten;
}
