import type { Context, Span, SpanContext, SpanKind, Tracer } from '@opentelemetry/api';
import type { Attempt, SentRequest } from '../core/attempt.js';
import { brokenOffBy } from '../core/cut-call.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import { opentelemetry } from '../core/packages/opentelemetry.js';
import type { CutListener } from '../core/upgrade.js';
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

/** What the span of a call begins with. */
export interface CallStart {
  readonly kind: SpanKind;
  readonly parent: Context;
  /** The span of the call that a background one was made for. */
  readonly cause: SpanContext | undefined;
}

/** Starts the span of a call. */
export function startCall(exchange: Exchange, { kind, parent, cause }: CallStart, tools: TraceTools): Span {
  const api = exchange.api || tools.name;
  const attributes = callAttributes(exchange, api);
  const options = { kind, attributes, ...(cause && { links: [{ context: cause }] }) };
  return tools.tracer.startSpan(`${spanMethod(exchange.req.method ?? '')} ${api}`, options, parent);
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

  constructor(exchange: Exchange, span: Span, parent: Context, tools: TraceTools) {
    this.#tools = tools;
    this.#method = spanMethod(exchange.req.method ?? '');
    this.#api = exchange.api || tools.name;
    this.span = span;
    this.context = opentelemetry().trace.setSpan(parent, this.span);
    exchange.onSettled((settled) => this.#settle(settled));
  }

  /** Starts the span of an attempt that is about to be sent. @returns headers for this attempt, as a flat list */
  sending(attempt: Attempt, _exchange: Exchange, request: SentRequest): readonly string[] | undefined {
    const { tracer, inject } = this.#tools;
    const { SpanKind, trace } = opentelemetry();
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
      this.#attempt.setStatus({ code: opentelemetry().SpanStatusCode.ERROR, message: end.error.message });
    }
    this.#attempt.end();
    this.#attempt = undefined;
  }

  #describe({ number, outcome }: Attempt): void {
    if (!this.#attempt || number !== this.#attemptNumber || !outcome) return;
    const attributes = outcomeAttributes(outcome);
    this.#attempt.setAttributes(attributes);
    if (attributes['error.type'] === undefined) return;
    const code = opentelemetry().SpanStatusCode.ERROR;
    this.#attempt.setStatus(outcome.kind === 'failure' ? { code, message: outcome.error.message } : { code });
  }

  #settle(exchange: Exchange): void {
    const { span } = this;
    const { error, api } = exchange;
    if (api && api !== this.#api) {
      this.#api = api;
      span.updateName(`${this.#method} ${api}`);
      span.setAttribute('resilient_proxy.api', api);
    }
    const attributes = settledAttributes(exchange, this.#cutBy);
    span.setAttributes(attributes);
    const type = attributes['error.type'];
    // A 4xx for a wrong request is not an error of a server (semantic conventions, HTTP server).
    const cut = this.#cutBy !== undefined || brokenOffBy(exchange) !== undefined;
    if (type !== undefined && (cut || exchange.res.statusCode >= 500)) {
      span.setStatus({
        code: opentelemetry().SpanStatusCode.ERROR,
        ...(error && { message: error.message }),
      });
    }
    span.end();
    exchange.upgrade?.onCut.push(this.#cutListener());
  }

  /** Makes a span of a WebSocket that is cut off; of one that ends as it should, there is the handshake. */
  #cutListener(): CutListener {
    const { tracer } = this.#tools;
    const api = this.#api;
    const startTime = Date.now();
    const { ROOT_CONTEXT, SpanStatusCode, trace } = opentelemetry();
    // Not the span itself, which would stay in memory while the WebSocket is open.
    const parent = trace.setSpanContext(ROOT_CONTEXT, this.span.spanContext());
    return ({ bytesIn, bytesOut }, { code, message }) => {
      const attributes = {
        'resilient_proxy.api': api,
        'resilient_proxy.bytes_in': bytesIn,
        'resilient_proxy.bytes_out': bytesOut,
        'error.type': code,
      };
      const span = tracer.startSpan(`WebSocket ${api}`, { startTime, attributes }, parent);
      span.setStatus({ code: SpanStatusCode.ERROR, message }).end();
    };
  }
}
