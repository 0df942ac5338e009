import {
  context,
  defaultTextMapGetter,
  isSpanContextValid,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

const loaded = {
  context,
  defaultTextMapGetter,
  isSpanContextValid,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
};

/** OpenTelemetry's API, which is loaded once something is traced. */
export const opentelemetry = (): typeof loaded => loaded;
