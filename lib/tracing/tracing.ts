import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Context,
  context,
  defaultTextMapGetter,
  isSpanContextValid,
  ProxyTracerProvider,
  propagation,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type Exchange, exchangeOf, knownExchange } from '../core/exchange.js';
import { CallTrace, type TraceTools } from './call-trace.js';
import type { Inject } from './injected-headers.js';
import { resolveTracing, type TracingOptions } from './tracing-options.js';

/** The middleware that {@link tracing} returns. */
export interface TracingHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The context that holds the span of a call under way, for spans of handlers behind; `undefined` without one. */
  contextOf(req: IncomingMessage): Context | undefined;
}

const SCOPE = 'resilient-proxy-out';

/**
 * Makes an OpenTelemetry span of each call and, below it, one of each attempt that `forward()` sends, and tells the
 * target the trace. It stands first, before any handler; put it once more behind a cache, for the calls that the
 * cache makes by itself. Where the application has an active span (that of its HTTP server), the call's is an
 * internal one below it; else it is a server span that continues the client's trace.
 *
 * The span is not made the active one, since that costs every `await` of the process: {@link
 * TracingHandler.contextOf | contextOf()} gives it. Without a registered SDK nothing is done and a client's
 * `traceparent` goes on as it came. Of a WebSocket it is the handshake that `resilientProxy` traces.
 *
 * @throws InvalidOptionError
 */
export function tracing(options: TracingOptions = {}): TracingHandler {
  const { name, tracerProvider, propagator, propagate } = resolveTracing(options);
  const carry = propagator ?? propagation;
  const inject: Inject | undefined = propagate ? (...args) => carry.inject(...args) : undefined;
  let tools = tracerProvider && { tracer: tracerProvider.getTracer(SCOPE), name, inject };

  function tracing(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    tools ??= toolsOf(registeredTracer());
    if (tools) begin(exchangeOf(req, res), tools);
    next();
  }

  function toolsOf(tracer: Tracer | undefined): TraceTools | undefined {
    return tracer && { tracer, name, inject };
  }

  function begin(exchange: Exchange, tools: TraceTools): void {
    if (traceOf(exchange)) return;
    const active = context.active();
    const inside = trace.getSpan(active) !== undefined;
    const parent = inside ? active : carry.extract(active, exchange.req.headers, defaultTextMapGetter);
    const kind = inside || exchange.detached ? SpanKind.INTERNAL : SpanKind.SERVER;
    const call = new CallTrace(exchange, kind, parent, tools);
    // An SDK that makes no spans leaves the client's own fields in place.
    if (isSpanContextValid(call.span.spanContext())) exchange.limits.push(call);
  }

  return Object.assign(tracing, {
    contextOf(req: IncomingMessage) {
      const exchange = knownExchange(req);
      return exchange && traceOf(exchange)?.context;
    },
  });
}

function traceOf({ limits }: Exchange): CallTrace | undefined {
  for (const limit of limits) if (limit instanceof CallTrace) return limit;
  return undefined;
}

/** The tracer of the registered SDK. The API gives one that does nothing where there is none, which is told apart here. */
function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer(SCOPE);
  return provider.getTracer(SCOPE);
}
