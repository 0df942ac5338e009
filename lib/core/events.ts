import { warnOf } from './warning.js';

type Listener<Args extends unknown[]> = (...args: Args) => unknown;

/**
 * Events of one part. No listener can affect a call: each is called separately, and what it throws, or its promise
 * rejects with, becomes a process warning (`process.on('warning')`), once for each listener.
 */
export class Events<Types extends Record<keyof Types, unknown[]>> {
  readonly #listeners = new Map<keyof Types, readonly Listener<never>[]>();
  readonly #warned = new WeakSet<Listener<never>>();

  /** Calls the listener at each such event, until {@link off} with the same function. */
  on<E extends keyof Types>(event: E, listener: Listener<Types[E]>): void {
    if (typeof listener !== 'function')
      throw new TypeError(`A listener of ${String(event)} must be a function`);
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  /** Removes a listener that {@link on} added. */
  off<E extends keyof Types>(event: E, listener: Listener<Types[E]>): void {
    const listeners = this.#listeners.get(event) ?? [];
    const at = listeners.lastIndexOf(listener);
    if (at < 0) return;
    const rest = listeners.filter((_, i) => i !== at);
    if (rest.length > 0) this.#listeners.set(event, rest);
    else this.#listeners.delete(event);
  }

  /** Whether there is a listener. If not, the arguments of the event need not be made. */
  has(event: keyof Types): boolean {
    return this.#listeners.has(event);
  }

  /** Calls all current listeners. It never throws. */
  emit<E extends keyof Types>(event: E, ...args: Types[E]): void {
    const listeners = this.#listeners.get(event);
    if (!listeners) return;
    for (const listener of listeners as readonly Listener<Types[E]>[]) {
      try {
        const result = listener(...args);
        if (result instanceof Promise) result.catch((error: unknown) => this.#warn(event, listener, error));
      } catch (error) {
        this.#warn(event, listener, error);
      }
    }
  }

  #warn(event: keyof Types, listener: Listener<never>, thrown: unknown): void {
    if (this.#warned.has(listener)) return;
    this.#warned.add(listener);
    warnOf('Listener', `A listener of "${String(event)}" failed`, thrown);
  }
}
