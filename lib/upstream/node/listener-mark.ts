import type { EventEmitter } from 'node:events';

/**
 * The listeners that somebody else puts on an emitter between two moments, so that they can be taken off
 * again. Two numbers, for this is done on every call and needed on hardly any.
 */
export class ListenerMark {
  readonly #emitter: EventEmitter;
  readonly #event: string;
  readonly #from: number;
  #to: number;

  constructor(emitter: EventEmitter, event: string) {
    this.#emitter = emitter;
    this.#event = event;
    this.#from = emitter.listenerCount(event);
    this.#to = this.#from;
  }

  /** Those that are there now count as theirs. */
  close(): void {
    this.#to = this.#emitter.listenerCount(this.#event);
  }

  drop(): void {
    const theirs = this.#emitter.listeners(this.#event).slice(this.#from, this.#to);
    for (const listener of theirs) this.#emitter.off(this.#event, listener as () => void);
    this.#to = this.#from;
  }
}
