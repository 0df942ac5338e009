import type { Server } from 'node:http';
import { TUNNEL } from './admin-tunnel.js';
import type { Hub } from './hub.js';
import { TunnelEnd, type TunnelMessage } from './tunnel-end.js';

/** Serves what workers pass on as if it had connected to the primary's server, which need not listen. */
export function acceptTunnels(hub: Hub, server: Server): void {
  const ends = new Map<number, Map<number, TunnelEnd>>();

  function open(tunnel: number, from: number, client: string | undefined): void {
    const ofWorker = ends.get(from) ?? new Map<number, TunnelEnd>();
    ends.set(from, ofWorker);
    const end = new TunnelEnd((step, data) => hub.tellOne(from, TUNNEL, [tunnel, step, data]), client);
    ofWorker.set(tunnel, end);
    end.on('error', () => {}).once('close', () => ofWorker.delete(tunnel));
    server.emit('connection', end);
  }

  hub.handle(TUNNEL, (message, from) => {
    const [tunnel, step, data] = message as TunnelMessage;
    if (step === 'open') open(tunnel, from, typeof data === 'string' ? data : undefined);
    else ends.get(from)?.get(tunnel)?.receive(step, data);
  });
  hub.onGone((worker) => {
    for (const end of ends.get(worker)?.values() ?? []) end.destroy();
    ends.delete(worker);
  });
}
