import type { Worker } from 'node:cluster';
import type { Machine, MachineHandler } from '../core/machine.js';
import { realTime, type Time } from '../core/time.js';
import { Handlers } from './handlers.js';
import { Peer } from './peer.js';

/** A worker that is busy or stopped must not hold up a page. */
const REPLY_WITHIN_MS = 500;

/** The machine as the primary sees it: a channel to each worker. */
export class Hub implements Machine {
  readonly primary = true;
  readonly #handlers = new Handlers();
  readonly #peers = new Map<number, Peer>();
  readonly #gone = new Set<(worker: number) => void>();
  readonly #time: Time;

  /** @param time for tests */
  constructor(time: Time = realTime) {
    this.#time = time;
  }

  /** Connects a worker that was just started. */
  add(worker: Worker): Peer {
    const peer = new Peer(
      worker.id,
      (parcel) => void worker.send(parcel, undefined, () => {}),
      this.#handlers,
    );
    this.#peers.set(worker.id, peer);
    worker.on('message', (message: unknown) => peer.receive(message));
    return peer;
  }

  /** The worker is gone. */
  remove(id: number): void {
    this.#peers.get(id)?.close();
    this.#peers.delete(id);
    for (const listener of this.#gone) listener(id);
  }

  /** Calls back for each worker that has ended. */
  onGone(listener: (worker: number) => void): void {
    this.#gone.add(listener);
  }

  /** Tells one worker. */
  tellOne(id: number, topic: string, message?: unknown): void {
    this.#peers.get(id)?.tell(topic, message);
  }

  /** Asks one worker; `undefined` once it is gone. */
  async askOne(id: number, topic: string): Promise<unknown> {
    return this.#peers.get(id)?.ask(topic);
  }

  tellAll(topic: string, message?: unknown): void {
    void this.#handlers.run(topic, message, 0);
    for (const peer of this.#peers.values()) peer.tell(topic, message);
  }

  ask(topic: string, message?: unknown): Promise<unknown> {
    return this.#handlers.run(topic, message, 0);
  }

  tell(topic: string, message?: unknown): void {
    void this.#handlers.run(topic, message, 0);
  }

  async askAll(topic: string, message?: unknown, except?: number): Promise<unknown[]> {
    const asked = [...this.#peers].filter(([id]) => id !== except);
    const replies: unknown[] = [];
    const all = asked.map(([, peer]) => peer.ask(topic, message).then((reply) => replies.push(reply)));
    let stop = () => {};
    await Promise.race([
      Promise.all(all),
      new Promise<void>((resolve) => {
        stop = this.#time.after(REPLY_WITHIN_MS, resolve);
      }),
    ]);
    stop();
    return replies.filter((reply) => reply !== undefined);
  }

  handle(topic: string, handler: MachineHandler): () => void {
    return this.#handlers.add(topic, handler);
  }
}
