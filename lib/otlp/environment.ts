import { InvalidOptionError } from '../core/errors.js';
import type { OtlpOption } from './otlp-options.js';

/** What is sent. */
export type OtlpSignal = 'traces' | 'metrics';

/** Packages of the exporters, by the protocol that the variables of OpenTelemetry name. */
const EXPORTERS: Readonly<Record<OtlpSignal, Readonly<Record<string, string>>>> = {
  traces: {
    'http/protobuf': '@opentelemetry/exporter-trace-otlp-proto',
    'http/json': '@opentelemetry/exporter-trace-otlp-http',
  },
  metrics: {
    'http/protobuf': '@opentelemetry/exporter-metrics-otlp-proto',
    'http/json': '@opentelemetry/exporter-metrics-otlp-http',
  },
};

/** Whether `OTEL_SDK_DISABLED` turns everything off. */
export const isDisabled = (): boolean => process.env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true';

/** Name of the package that sends a signal. @throws InvalidOptionError for a protocol that none sends */
export function exporterPackage(signal: OtlpSignal, option: string): string {
  const protocol =
    process.env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`] ||
    process.env.OTEL_EXPORTER_OTLP_PROTOCOL ||
    'http/protobuf';
  const name = EXPORTERS[signal][protocol];
  if (name !== undefined) return name;
  throw new InvalidOptionError(
    option,
    `${option} cannot use the protocol of OTEL_EXPORTER_OTLP_PROTOCOL, ${JSON.stringify(protocol)}: it must be http/protobuf or http/json`,
  );
}

/** The URL of a signal below that of the collector; `undefined` where the exporter takes it from the variables. */
export function signalUrl(otlp: OtlpOption, signal: OtlpSignal): string | undefined {
  if (otlp === true) return undefined;
  const url = new URL(otlp);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/${signal}`;
  return url.href;
}

/** The collector as a log may show it. */
export function shownCollector(otlp: OtlpOption, signal: OtlpSignal): string {
  const url =
    otlp === true
      ? process.env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`] ||
        process.env.OTEL_EXPORTER_OTLP_ENDPOINT ||
        'http://localhost:4318'
      : otlp;
  return URL.canParse(url) ? new URL(url).origin : 'the collector';
}

/** A positive number of a variable; `preset` where it is not set or is not one. */
export function positiveNumber(name: string, preset: number): number {
  const value = Number(process.env[name]);
  return value > 0 && Number.isFinite(value) ? value : preset;
}
