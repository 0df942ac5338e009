import type { SocketCounts } from '../websocket/open-sockets.js';
import type { Family, Row } from './family.js';

/** The WebSockets of each API; their handshakes count as calls. */
export function socketFamilies(
  counts: () => readonly (readonly [api: string, counts: SocketCounts])[],
): Family[] {
  return [
    {
      type: 'gauge',
      name: 'websockets_open',
      help: 'Open WebSockets.',
      labels: ['api'],
      rows: () => counts().map(([api, { open }]): Row => [{ api }, open]),
    },
    {
      type: 'counter',
      name: 'websockets_cut_total',
      help: 'WebSockets that were cut off at a shutdown, since their clients did not close them in time.',
      labels: ['api'],
      rows: () => counts().map(([api, { cut }]): Row => [{ api }, cut]),
    },
    {
      type: 'counter',
      name: 'websocket_bytes_total',
      help: 'Bytes over WebSockets: in, from the clients; out, to the clients.',
      labels: ['api', 'direction'],
      rows: () =>
        counts().flatMap(([api, { bytesIn, bytesOut }]): Row[] => [
          [{ api, direction: 'in' }, bytesIn],
          [{ api, direction: 'out' }, bytesOut],
        ]),
    },
  ];
}
