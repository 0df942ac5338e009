import { type Context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { Attempt, SentRequest } from '../core/attempt.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import { type Inject, injectedHeaders } from './injected-headers.js';
import {
  attemptAttributes,
  callAttributes,
  outcomeAttributes,
  settledAttributes,
  spanMethod,
} from './span-attributes.js';

/** What all calls of one `tracing()` use. */
export interface TraceTools {
  readonly tracer: Tracer;
  readonly name: string;
  /** Propagates a trace to the target; `undefined` propagates nothing. */
  readonly inject: Inject | undefined;
}

/** The spans of one call: its own, and as its guard one for each attempt that is sent. */
export class CallTrace implements Limit, Permit {
  readonly span: Span;
  /** Holds the call's span: the parent for spans of later handlers. */
  readonly context: Context;
  readonly #tools: TraceTools;
  readonly #method: string;
  #api: string;
  #attempt: Span | undefined;
  #attemptNumber = 0;
  #cutBy: string | undefined;

  constructor(exchange: Exchange, kind: SpanKind, parent: Context, tools: TraceTools) {
    this.#tools = tools;
    this.#method = spanMethod(exchange.req.method ?? '');
    this.#api = exchange.api || tools.name;
    const attributes = callAttributes(exchange, this.#api);
    this.span = tools.tracer.startSpan(`${this.#method} ${this.#api}`, { kind, attributes }, parent);
    this.context = trace.setSpan(parent, this.span);
    exchange.onSettled((settled) => this.#settle(settled));
  }

  /** Starts the span of an attempt that is about to be sent. @returns headers for this attempt, as a flat list */
  sending(attempt: Attempt, _exchange: Exchange, request: SentRequest): readonly string[] | undefined {
    const { tracer, inject } = this.#tools;
    const options = { kind: SpanKind.CLIENT, attributes: attemptAttributes(attempt, request) };
    const span = tracer.startSpan(spanMethod(request.method), options, this.context);
    this.#attempt = span;
    this.#attemptNumber = attempt.number;
    return inject && injectedHeaders(inject, trace.setSpan(this.context, span));
  }

  admit(): Permit {
    return this;
  }

  /** Whether the response is passed on is decided after this; where it is, its span lasts as long as the body flows. */
  head(attempt: Attempt): void {
    this.#describe(attempt);
  }

  end(attempt: Attempt): void {
    // An attempt that a limit refused was not sent and has no span.
    if (!this.#attempt || attempt.number !== this.#attemptNumber) return;
    const { outcome, end } = attempt;
    if (outcome?.kind !== 'response') this.#describe(attempt);
    else if (end?.kind === 'failure') {
      this.#cutBy = end.error.code;
      this.#attempt.setAttribute('error.type', end.error.code);
      this.#attempt.setStatus({ code: SpanStatusCode.ERROR, message: end.error.message });
    }
    this.#attempt.end();
    this.#attempt = undefined;
  }

  #describe({ number, outcome }: Attempt): void {
    if (!this.#attempt || number !== this.#attemptNumber || !outcome) return;
    const attributes = outcomeAttributes(outcome);
    this.#attempt.setAttributes(attributes);
    if (attributes['error.type'] === undefined) return;
    const message = outcome.kind === 'failure' ? outcome.error.message : undefined;
    this.#attempt.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  #settle(exchange: Exchange): void {
    const { span } = this;
    const { error, api } = exchange;
    if (api && api !== this.#api) {
      span.updateName(`${this.#method} ${api}`);
      span.setAttribute('resilient_proxy.api', api);
    }
    const attributes = settledAttributes(exchange, this.#cutBy);
    span.setAttributes(attributes);
    const type = attributes['error.type'];
    // A 4xx for a wrong request is not an error of a server (semantic conventions, HTTP server).
    if (type !== undefined && (this.#cutBy !== undefined || exchange.res.statusCode >= 500)) {
      span.setStatus({ code: SpanStatusCode.ERROR, ...(error && { message: error.message }) });
    }
    span.end();
  }
}
