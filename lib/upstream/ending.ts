import type { Exchange } from '../core/exchange.js';

type Fulfilled<T, R> = ((value: T) => R | PromiseLike<R>) | null | undefined;
type Rejected<R> = ((reason: unknown) => R | PromiseLike<R>) | null | undefined;
type State = { readonly kind: 'open' | 'fulfilled' | 'rejected'; readonly value?: unknown };

const OPEN: State = { kind: 'open' };

/**
 * What a middleware returns: a promise of the end of its call, for those who await one. It is made of plain callbacks,
 * since Express listens to whatever it gets, and a call that nobody awaits shall cost no promise.
 */
export class Ending<T = void> implements Promise<T> {
  readonly #exchange: Exchange | undefined;
  #state = OPEN;
  #listeners: (() => void)[] | undefined;

  /** @param exchange it ends when the response of this call has closed, unless it is settled before */
  constructor(exchange?: Exchange) {
    this.#exchange = exchange;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise, for those who await it
  then<R = T, S = never>(fulfilled?: Fulfilled<T, R>, rejected?: Rejected<S>): Promise<R | S> {
    const next = new Ending<R | S>();
    const tell = (): void => {
      const { kind, value } = this.#state;
      const listener = kind === 'fulfilled' ? fulfilled : rejected;
      if (!listener) return next.#settle(this.#state);
      try {
        next.#follow(listener(value as T));
      } catch (error) {
        next.#settle({ kind: 'rejected', value: error });
      }
    };
    if (this.#state !== OPEN) queueMicrotask(tell);
    else this.#listen(tell);
    return next;
  }

  catch<S = never>(rejected?: Rejected<S>): Promise<T | S> {
    return this.then(undefined, rejected);
  }

  finally(done?: (() => void) | null): Promise<T> {
    return Promise.resolve(this).finally(done);
  }

  // Not a field: there is one of these for each call.
  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  /** The call is over for the one who made it: the response has closed, or the next handler has it. */
  end(): void {
    this.#settle({ kind: 'fulfilled' });
  }

  #listen(tell: () => void): void {
    if (this.#listeners) {
      this.#listeners.push(tell);
      return;
    }
    this.#listeners = [tell];
    this.#exchange?.onSettled(() => this.end());
  }

  #follow(value: unknown): void {
    if (typeof value !== 'object' || value === null || !('then' in value)) {
      return this.#settle({ kind: 'fulfilled', value });
    }
    Promise.resolve(value).then(
      (late) => this.#settle({ kind: 'fulfilled', value: late }),
      (error: unknown) => this.#settle({ kind: 'rejected', value: error }),
    );
  }

  #settle(state: State): void {
    if (this.#state !== OPEN) return;
    this.#state = state;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    // As that of any promise that nobody listens to.
    if (state.kind === 'rejected' && !listeners) void Promise.reject(state.value);
    for (const tell of listeners ?? []) queueMicrotask(tell);
  }
}

// Express warns of what looks like a promise and is not an instance of it.
Object.setPrototypeOf(Ending.prototype, Promise.prototype);
