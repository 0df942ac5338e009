import type { EventEmitter } from 'node:events';

/**
 * The listeners that other code adds to an emitter between two moments, so that they can be removed. Two numbers
 * suffice, since this is done on every call and needed on hardly any.
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

  /** Ends the interval: listeners added later are not included. */
  close(): void {
    this.#to = this.#emitter.listenerCount(this.#event);
  }

  drop(): void {
    const theirs = this.#emitter.listeners(this.#event).slice(this.#from, this.#to);
    for (const listener of theirs) this.#emitter.off(this.#event, listener as () => void);
    this.#to = this.#from;
  }

  /** Removes those that there are by now. */
  take(): (() => void)[] {
    this.close();
    const theirs = this.#emitter.listeners(this.#event).slice(this.#from) as (() => void)[];
    this.drop();
    return theirs;
  }
}
