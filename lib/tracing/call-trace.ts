import { type Context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { ProxyError } from '../core/errors.js';
import type { Attempt, Exchange, Guard, SentRequest } from '../core/exchange.js';
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
export class CallTrace implements Guard {
  readonly span: Span;
  /** Holds the call's span: the parent for spans of later handlers. */
  readonly context: Context;
  readonly #tools: TraceTools;
  readonly #method: string;
  #api: string;
  #attempt: Span | undefined;
  #attemptNumber = 0;
  /** When the response headers of the attempt came, while its span is open. */
  #headAt = 0;
  #cutBy: string | undefined;
  #settled = false;

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
    this.#endRefused();
    const options = { kind: SpanKind.CLIENT, attributes: attemptAttributes(attempt, request) };
    const span = tracer.startSpan(spanMethod(request.method), options, this.context);
    this.#attempt = span;
    this.#attemptNumber = attempt.number;
    return inject && injectedHeaders(inject, trace.setSpan(this.context, span));
  }

  after(attempt: Attempt): void {
    const { outcome } = attempt;
    // An attempt that a guard refused was not sent and has no span.
    if (!this.#attempt || attempt.number !== this.#attemptNumber || !outcome) return;
    const attributes = outcomeAttributes(outcome);
    this.#attempt.setAttributes(attributes);
    if (attributes['error.type'] !== undefined) {
      const message = outcome.kind === 'failure' ? outcome.error.message : undefined;
      this.#attempt.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    // Whether a response is passed on is decided later; if it is, the span lasts until the end of its body. After the
    // client has gone there is no event for that end.
    if (outcome.kind === 'answer' && !this.#settled) this.#headAt = performance.now();
    else this.#endAttempt();
  }

  cut(_attempt: Attempt, _exchange: Exchange, error: ProxyError): void {
    this.#cutBy = error.code;
    this.#attempt?.setAttribute('error.type', error.code);
    this.#attempt?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    this.#endAttempt();
  }

  #settle(exchange: Exchange): void {
    this.#settled = true;
    const { span } = this;
    const { error, answeredAt, api } = exchange;
    if (answeredAt === undefined) this.#endRefused();
    else this.#endAttempt();
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

  /** Ends the span of an attempt whose response was not passed on, as of its headers. One without headers still runs. */
  #endRefused(): void {
    if (this.#headAt > 0) this.#endAttempt(this.#headAt);
  }

  #endAttempt(at?: number): void {
    this.#attempt?.end(at);
    this.#attempt = undefined;
    this.#headAt = 0;
  }
}
