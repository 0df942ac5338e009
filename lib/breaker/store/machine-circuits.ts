import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Machine } from '../../core/machine.js';
import { CircuitEngine } from './circuit-engine.js';
import type { CircuitScript } from './redis/scripts.js';
import { readState } from './redis/state-text.js';
import { CircuitShares } from './shares.js';
import type { CircuitStore } from './store.js';
import { type ShareSite, StoredCircuitShare } from './stored-share.js';

const RUN = 'circuit:run';
const TURNED = 'circuit:turned';

/** Lets the circuits of the processes of one machine open and close together; the primary keeps their state. */
export function machineCircuits(machine: Machine): CircuitStore {
  const shares = new CircuitShares();
  const stops = [
    machine.handle(TURNED, (message) => {
      const [key, now, text] = message as [string, number, string];
      const state = readState(text, now);
      if (state) shares.hear(key, state);
    }),
  ];
  if (machine.primary) {
    const engine = new CircuitEngine((...news) => machine.tellAll(TURNED, news));
    stops.push(
      machine.handle(RUN, (message) => engine.run(...(message as Parameters<CircuitEngine['run']>))),
    );
  }
  const run = (script: CircuitScript, { state }: { state: string }, args: readonly (string | number)[]) =>
    machine.ask(RUN, [script, state, args]);
  const site: ShareSite = {
    // Without the primary there are no workers.
    link: {
      usable: true,
      lookUp: async (_key, send) => ({ ok: true, value: await send() }),
      insist: (send) => void send(),
    },
    run,
    prefix: 'machine',
    id: randomUUID(),
    process: `${hostname()}:${process.pid}`,
    left: (share) => shares.delete(share),
  };
  return {
    join: (member) => shares.add(new StoredCircuitShare(member, site)),
    async close() {
      for (const stop of stops) stop();
    },
  };
}
