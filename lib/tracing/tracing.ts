import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Tracer } from '@opentelemetry/api';
import { type Exchange, exchangeOf, knownExchange } from '../core/exchange.js';
import { opentelemetry } from '../core/packages/opentelemetry.js';
import type { OtlpView } from '../otlp/otlp-health.js';
import { otlpTraces } from '../otlp/otlp-traces.js';
import { CallTrace, startCall, type TraceTools } from './call-trace.js';
import type { Inject } from './injected-headers.js';
import { resolveTracing, type TracingOptions } from './tracing-options.js';
import { RandomIds, UnrecordedCall } from './unrecorded-call.js';

/** The middleware that {@link tracing} returns. */
export interface TracingHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** The context with the span of a call in progress, as parent for spans of later handlers; `undefined` without one. */
  contextOf(req: IncomingMessage): Context | undefined;
  /** How sending by `otlp` goes; `undefined` where spans go elsewhere. */
  readonly otlp: OtlpView | undefined;
  /** Sends the spans that `otlp` holds, within two seconds, and takes no more. */
  close(): Promise<void>;
}

/** A valid one, with its flags; that of a later version may go on behind them (W3C Trace Context §3.2, §4.3). */
const TRACEPARENT =
  /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/;
const SCOPE = 'resilient-proxy-out';

/**
 * Creates an OpenTelemetry span for each call and, below it, one for each attempt that `forward()` sends, and propagates
 * the trace to the target. Mount it first, before any other handler; mount the same one again behind a cache for the
 * cache's own requests. If the application has an active span (of its HTTP server), the call's span is an internal one
 * below it; otherwise it is a server span that continues the client's trace. That of a request of the cache links to the
 * span of the call that it was made for.
 *
 * The span is not made the active one, since that costs every `await` of the process: use {@link
 * TracingHandler.contextOf | contextOf()}. Without a registered SDK it does nothing, and a client's `traceparent` is
 * forwarded unchanged. Of a WebSocket, `resilientProxy` traces the handshake.
 *
 * @throws InvalidOptionError
 */
export function tracing(options: TracingOptions = {}): TracingHandler {
  const { name, otlp, sampleRatio, propagate, ...given } = resolveTracing(options);
  const traces = otlp === undefined ? undefined : otlpTraces(otlp, sampleRatio);
  const { tracerProvider } = traces ?? given;
  const propagator = given.propagator ?? traces?.propagator;
  const isOff = otlp !== undefined && !traces;
  const { context, defaultTextMapGetter, isSpanContextValid, propagation, SpanKind, trace } = opentelemetry();
  const { ROOT_CONTEXT, TraceFlags } = opentelemetry();
  const carry = propagator ?? propagation;
  const inject: Inject | undefined = propagate ? (...args) => carry.inject(...args) : undefined;
  const rootRatio = traces?.rootRatio;
  const random = new RandomIds();
  let tools = tracerProvider && toolsOf(tracerProvider.getTracer(SCOPE));

  function tracing(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    if (!isOff) tools ??= toolsOf(registeredTracer());
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
    if (rootRatio !== undefined && !inside && leavesOut(exchange, rootRatio)) return;
    const parent = inside ? active : carry.extract(active, exchange.req.headers, defaultTextMapGetter);
    const kind = inside || exchange.detached ? SpanKind.INTERNAL : SpanKind.SERVER;
    const cause = exchange.cause && traceOf(exchange.cause)?.span.spanContext();
    const span = startCall(exchange, { kind, parent, cause }, tools);
    const call = new CallTrace(exchange, span, parent, tools);
    // Without an SDK that records spans, the client's own headers stay in place.
    if (isSpanContextValid(call.span.spanContext())) exchange.limits.push(call);
  }

  /** Decides before the SDK is asked: most calls are not recorded, and a span of it costs more than the decision. */
  function leavesOut({ req, limits }: Exchange, ratio: number): boolean {
    const { traceparent, tracestate } = req.headers;
    const [, flags] = (typeof traceparent === 'string' && TRACEPARENT.exec(traceparent)) || [];
    // A trace that its client does not record is forwarded as it is.
    if (flags !== undefined) return (Number.parseInt(flags, 16) & TraceFlags.SAMPLED) === 0;
    if (Math.random() < ratio) return false;
    if (propagate) limits.push(new UnrecordedCall(random, tracestate !== undefined));
    return true;
  }

  return Object.assign(tracing, {
    contextOf(req: IncomingMessage) {
      const exchange = knownExchange(req);
      if (!exchange) return undefined;
      const found = traceOf(exchange)?.context;
      if (found || rootRatio === undefined) return found;
      const extracted = carry.extract(ROOT_CONTEXT, req.headers, defaultTextMapGetter);
      return trace.getSpan(extracted) && extracted;
    },
    otlp: traces?.view,
    close: async () => traces?.close(),
  });
}

function traceOf({ limits }: Exchange): CallTrace | UnrecordedCall | undefined {
  for (const limit of limits) if (limit instanceof CallTrace || limit instanceof UnrecordedCall) return limit;
  return undefined;
}

/** The tracer of the registered SDK; `undefined` instead of the API's no-op tracer if there is none. */
function registeredTracer(): Tracer | undefined {
  const { ProxyTracerProvider, trace } = opentelemetry();
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer(SCOPE);
  return provider.getTracer(SCOPE);
}
