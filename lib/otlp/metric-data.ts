import type { Attributes, HrTime } from '@opentelemetry/api';
import type * as Sdk from '@opentelemetry/sdk-metrics';
import type { MetricObject, MetricObjectWithValues, MetricValueWithName } from 'prom-client';

/** A metric of prom-client with its values. */
export type Measured = MetricObjectWithValues<MetricValueWithName<string>>;

type Enums = Pick<typeof Sdk, 'AggregationTemporality' | 'DataPointType'>;
type Times = { readonly startTime: HrTime; readonly endTime: HrTime };

/** Metrics of prom-client as OpenTelemetry has them, with the same names. Counts are those since `startTime`. */
export function metricData(measured: readonly Measured[], times: Times, enums: Enums): Sdk.MetricData[] {
  const { DataPointType, AggregationTemporality } = enums;
  return measured.flatMap((metric): Sdk.MetricData[] => {
    const { name, help, values } = metric;
    const shared = {
      // What is counted here is a double, whatever its unit.
      descriptor: { name, description: help, unit: unitOf(name), valueType: 1 },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
    };
    if (values.length === 0) return [];
    if (typeOf(metric) === 'histogram')
      return [{ ...shared, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(values, times) }];
    const dataPoints = values.map(({ labels, value }) => ({
      ...times,
      attributes: labels as Attributes,
      value,
    }));
    return typeOf(metric) === 'counter'
      ? [{ ...shared, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }]
      : [{ ...shared, dataPointType: DataPointType.GAUGE, dataPoints }];
  });
}

/** Its types name an enum that it does not have at run time. */
const typeOf = ({ type }: MetricObject): string => String(type);

function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return 's';
  return /_bytes(_total)?$/.test(name) ? 'By' : '1';
}

/** Lines of one histogram, of which each bucket holds the counts of those below as well. */
function histograms(
  values: readonly MetricValueWithName<string>[],
  times: Times,
): Sdk.DataPoint<Sdk.Histogram>[] {
  const series = new Map<string, { attributes: Attributes; lines: MetricValueWithName<string>[] }>();
  for (const line of values) {
    const { le: _le, ...attributes } = line.labels as Record<string, string | number>;
    const key = JSON.stringify(attributes);
    const one = series.get(key) ?? { attributes, lines: [] };
    one.lines.push(line);
    series.set(key, one);
  }
  return [...series.values()].map(({ attributes, lines }) => {
    const boundaries: number[] = [];
    const counts: number[] = [];
    let below = 0;
    let sum = 0;
    for (const { metricName = '', labels, value } of lines) {
      if (metricName.endsWith('_sum')) sum = value;
      if (!metricName.endsWith('_bucket')) continue;
      const bound = Number(labels.le);
      if (Number.isFinite(bound)) boundaries.push(bound);
      counts.push(value - below);
      below = value;
    }
    return { ...times, attributes, value: { buckets: { boundaries, counts }, sum, count: below } };
  });
}
