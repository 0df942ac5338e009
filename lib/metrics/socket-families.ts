import type { SocketCounts } from '../websocket/open-sockets.js';
import type { Family, Row } from './family.js';

/** The WebSockets of each API; their handshakes are calls among the others. */
export function socketFamilies(
  counts: () => readonly (readonly [api: string, counts: SocketCounts])[],
): Family[] {
  return [
    {
      type: 'gauge',
      name: 'websockets_open',
      help: 'WebSockets that are open.',
      labels: ['api'],
      rows: () => counts().map(([api, { open }]): Row => [{ api }, open]),
    },
    {
      type: 'counter',
      name: 'websocket_bytes_total',
      help: 'Bytes that WebSockets carried: in, from their clients; out, to them.',
      labels: ['api', 'direction'],
      rows: () =>
        counts().flatMap(([api, { bytesIn, bytesOut }]): Row[] => [
          [{ api, direction: 'in' }, bytesIn],
          [{ api, direction: 'out' }, bytesOut],
        ]),
    },
  ];
}
