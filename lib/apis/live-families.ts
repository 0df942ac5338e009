import type { Family, Row } from '../core/metric-family.js';
import type { LiveApi } from './live-api.js';

/** Gauges of what each API has in progress, read at each scrape. */
export function liveFamilies(current: ReadonlyMap<string, LiveApi>): Family[] {
  const gauge = (name: string, help: string, labels: string[], rowsOf: (api: LiveApi) => Row[]): Family => ({
    ...{ type: 'gauge', name, help, labels: ['api', ...labels] },
    rows: () => [...current.values()].flatMap(rowsOf),
  });
  return [
    gauge(
      'api_calls_in_flight',
      'Calls of an API in progress, with open WebSockets and what the cache requests by itself.',
      [],
      ({ name, active }) => [[{ api: name }, active]],
    ),
    gauge('connections', 'Open connections to targets: busy with a request, or idle.', ['state'], (api) => {
      const { busy, idle } = api.parts.forward.connections();
      return [
        [{ api: api.name, state: 'busy' }, busy],
        [{ api: api.name, state: 'idle' }, idle],
      ];
    }),
    gauge('connections_waiting', 'Requests that wait for a connection to their target.', [], (api) => [
      [{ api: api.name }, api.parts.forward.connections().waiting],
    ]),
  ];
}
