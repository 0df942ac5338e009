import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import type { Machine } from '../../../lib/core/machine.js';
import { Hub } from '../../../lib/workers/hub.js';
import { WorkerLink } from '../../../lib/workers/worker-link.js';

/** The processes of a machine, all of them in this one: what they send is copied, as between real ones. */
export interface ToyMachine {
  readonly primary: Hub;
  /** Starts a worker. */
  add(): Machine;
  /** The worker that was started first ends. */
  end(): void;
}

export function toyMachine(): ToyMachine {
  const primary = new Hub();
  const ends: (() => void)[] = [];
  let last = 0;
  return {
    primary,
    add() {
      const id = ++last;
      const toWorker = new EventEmitter();
      const toPrimary = new EventEmitter();
      const sendTo = (other: EventEmitter) => (parcel: unknown) => {
        const copy = structuredClone(parcel);
        return setImmediate(() => other.emit('message', copy));
      };
      // Of both ends nothing else is used.
      const channel = Object.assign(toWorker, { send: sendTo(toPrimary) }) as unknown as NodeJS.Process;
      const worker = Object.assign(toPrimary, { id, send: sendTo(toWorker) }) as unknown as Worker;
      primary.add(worker);
      ends.push(() => {
        primary.remove(id);
        toWorker.emit('disconnect');
      });
      return new WorkerLink(channel);
    },
    end: () => ends.shift()?.(),
  };
}
