import type { Machine, MachineHandler } from '../core/machine.js';
import { Handlers } from './handlers.js';
import { Peer } from './peer.js';

/** The machine as a worker sees it: its channel to the primary. */
export class WorkerLink implements Machine {
  readonly primary = false;
  readonly #handlers = new Handlers();
  readonly #peer: Peer;

  constructor(channel: NodeJS.Process = process) {
    // A primary that is gone takes its workers with it: what fails to be sent matters no more.
    this.#peer = new Peer(
      0,
      (parcel) => void channel.send?.(parcel, undefined, {}, () => {}),
      this.#handlers,
    );
    channel.on('message', (message) => this.#peer.receive(message));
    channel.once('disconnect', () => this.#peer.close());
  }

  ask(topic: string, message?: unknown): Promise<unknown> {
    return this.#peer.ask(topic, message);
  }

  tell(topic: string, message?: unknown): void {
    this.#peer.tell(topic, message);
  }

  async askAll(): Promise<unknown[]> {
    return [];
  }

  handle(topic: string, handler: MachineHandler): () => void {
    return this.#handlers.add(topic, handler);
  }

  tellAll(): void {}

  onGone(): void {}
}
