import type { Exchange } from '../core/exchange.js';

/** How long the rest of a response that nobody waits for may take. */
const FINISH_MS = 2000;

/** A fetch whose own client has left. */
export class Clientless {
  readonly #exchange: Exchange;
  #letGo: (() => void) | undefined;
  #limit: NodeJS.Timeout | undefined;
  #quiet: NodeJS.Timeout | undefined;
  #stopped: (() => void) | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Goes on for a while although nobody waits. */
  finish(): void {
    if (this.#letGo) return;
    const letGo = this.#exchange.hold();
    this.#letGo = letGo;
    this.#limit = setTimeout(letGo, FINISH_MS).unref();
  }

  /** @param stopped called if the handler writes no more: it may have noticed that its client has left */
  watch(quietMs: number, stopped: () => void): void {
    if (this.#stopped) return;
    this.#stopped = stopped;
    this.#quiet = setTimeout(stopped, quietMs).unref();
    // What `pipe()` does when the response has closed.
    this.#exchange.res.on('unpipe', stopped);
  }

  /** The handler has written. */
  heard(): void {
    this.#quiet?.refresh();
  }

  close(): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#quiet);
    if (this.#stopped) this.#exchange.res.off('unpipe', this.#stopped);
    // The attempt has yet to hear of the end of its response, and is cancelled otherwise.
    if (this.#letGo) process.nextTick(this.#letGo);
  }
}
