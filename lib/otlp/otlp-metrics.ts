import type * as Sdk from '@opentelemetry/sdk-metrics';
import { realTime, type Time } from '../core/time.js';
import { exporterPackage, isDisabled, positiveNumber, shownCollector, signalUrl } from './environment.js';
import { type Measured, metricData } from './metric-data.js';
import { OtlpHealth, type OtlpView } from './otlp-health.js';
import type { OtlpOption } from './otlp-options.js';
import { optionalPackages } from './packages.js';
import { resourceOf } from './resource.js';
import { atMost, type Exporter, sendBatch } from './sender.js';

/** Metrics that are sent to a collector again and again. */
export interface OtlpMetrics {
  readonly view: OtlpView;
  /** Sends them a last time, within a bound. */
  close(): Promise<void>;
}

export interface OtlpMetricsOptions {
  readonly otlp: OtlpOption;
  /** How often they are sent; `undefined` for `OTEL_METRIC_EXPORT_INTERVAL`, or a minute. */
  readonly intervalMs: number | undefined;
  /** What they are now. */
  read(): Promise<readonly Measured[]>;
}

const FLUSH_MS = 2000;
const DEFAULT_INTERVAL_MS = 60_000;
export const METRICS_SDK = '@opentelemetry/sdk-metrics';

type ExporterClass = new (options: { url?: string }) => Exporter<Sdk.ResourceMetrics>;

/**
 * Loads OpenTelemetry's exporter and sends metrics until it is closed. Whatever the options do not say, the variables
 * `OTEL_*` do.
 * @returns `undefined` where `OTEL_SDK_DISABLED` is set
 * @throws InvalidOptionError that names the packages to install
 */
export function otlpMetrics(options: OtlpMetricsOptions, time: Time = realTime): OtlpMetrics | undefined {
  if (isDisabled()) return undefined;
  const { otlp, read, intervalMs } = options;
  const option = 'metrics.otlp';
  const [sdk, exporters] = optionalPackages(option, [METRICS_SDK, exporterPackage('metrics', option)]);
  const { OTLPMetricExporter } = exporters as { OTLPMetricExporter: ExporterClass };
  const url = signalUrl(otlp, 'metrics');
  const health = new OtlpHealth('metrics', shownCollector(otlp, 'metrics'));
  const exporter = new OTLPMetricExporter(url === undefined ? {} : { url });
  const resource = resourceOf(METRICS_SDK);
  const startTime = instant(time.wall());
  let sending: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function sendNow(): Promise<void> {
    const measured = await read();
    const metrics = metricData(measured, { startTime, endTime: instant(time.wall()) }, sdk as typeof Sdk);
    const batch = { resource, scopeMetrics: [{ scope: { name: 'resilient-proxy-out' }, metrics }] };
    await sendBatch(exporter, health, batch, metrics.length);
  }

  function send(): Promise<void> {
    // A collector that is slow gets the next figures later: they are sums.
    sending ??= sendNow()
      .catch((error: unknown) => health.failed(error, 0))
      .finally(() => {
        sending = undefined;
      });
    return sending;
  }

  async function finish(): Promise<void> {
    stop();
    // What is being sent was read before.
    await atMost(FLUSH_MS, Promise.resolve(sending).then(send));
    exporter.shutdown().catch(() => {});
  }
  const every = intervalMs ?? positiveNumber('OTEL_METRIC_EXPORT_INTERVAL', DEFAULT_INTERVAL_MS);
  const stop = time.every(every, () => void send());
  return {
    view: health,
    close() {
      closing ??= finish();
      return closing;
    },
  };
}

const instant = (epochMs: number): [seconds: number, nanoseconds: number] => [
  Math.floor(epochMs / 1000),
  Math.round((epochMs % 1000) * 1e6),
];
