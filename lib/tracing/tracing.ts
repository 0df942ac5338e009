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
  /** The context with the span of a call in progress, as parent for spans of later handlers; `undefined` without one. */
  contextOf(req: IncomingMessage): Context | undefined;
}

const SCOPE = 'resilient-proxy-out';

/**
 * Creates an OpenTelemetry span for each call and, below it, one for each attempt that `forward()` sends, and propagates
 * the trace to the target. Mount it first, before any other handler; mount the same one again behind a cache for the
 * cache's own requests. If the application has an active span (of its HTTP server), the call's span is an internal one
 * below it; otherwise it is a server span that continues the client's trace.
 *
 * The span is not made the active one, since that costs every `await` of the process: use {@link
 * TracingHandler.contextOf | contextOf()}. Without a registered SDK it does nothing, and a client's `traceparent` is
 * forwarded unchanged. Of a WebSocket, `resilientProxy` traces the handshake.
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
    // Without an SDK that records spans, the client's own headers stay in place.
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

/** The tracer of the registered SDK; `undefined` instead of the API's no-op tracer if there is none. */
function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer(SCOPE);
  return provider.getTracer(SCOPE);
}
