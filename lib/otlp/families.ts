import type { Family } from '../core/metric-family.js';
import type { OtlpView } from './otlp-health.js';

/** How sending by OTLP goes, for Prometheus. */
export function otlpFamilies(views: readonly OtlpView[]): Family[] {
  if (views.length === 0) return [];
  const statuses = () => views.map((view) => view.status());
  return [
    {
      type: 'counter',
      name: 'otlp_batches_total',
      help: 'Batches sent to the collector by OTLP, by signal and result: ok or failed.',
      labels: ['signal', 'result'],
      rows: () =>
        statuses().flatMap(({ signal, sent, failed }) => [
          [{ signal, result: 'ok' }, sent],
          [{ signal, result: 'failed' }, failed],
        ]),
    },
    {
      type: 'counter',
      name: 'otlp_lost_total',
      help: 'Spans, or metrics, that the collector did not take or for which there was no room.',
      labels: ['signal'],
      rows: () => statuses().map(({ signal, lost }) => [{ signal }, lost]),
    },
    {
      type: 'gauge',
      name: 'otlp_failing',
      help: '1 while what is sent by OTLP is not taken.',
      labels: ['signal'],
      rows: () => statuses().map(({ signal, state }) => [{ signal }, Number(state === 'failing')]),
    },
  ];
}
