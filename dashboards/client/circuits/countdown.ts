import { setText } from '../shared/element.js';
import { formatMs } from '../shared/format.js';

interface Entry {
  readonly element: Element;
  readonly until: number;
  readonly words: (left: string) => string;
  readonly over: string;
  /** Called with the share of the time that is left, if the whole time is known. */
  readonly share?: ((share: number) => void) | undefined;
  readonly wholeMs: number;
}

/**
 * Texts that count down by the page's own steady clock: the server sends how much time is left, so the two clocks need
 * not agree. Ticks only while something counts down.
 */
export class Countdowns {
  readonly #entries = new Map<Element, Entry>();
  #timer: number | undefined;
  #stopped = false;

  /** Counts down in this element from now on; at the end it shows `over`. */
  begin(
    element: Element,
    {
      leftMs,
      words,
      over,
      share,
      wholeMs = leftMs,
    }: {
      leftMs: number;
      words: (left: string) => string;
      over: string;
      share?: (share: number) => void;
      wholeMs?: number;
    },
  ): void {
    const entry: Entry = { element, until: performance.now() + leftMs, words, over, share, wholeMs };
    this.#entries.set(element, entry);
    this.#show(entry);
    this.#run();
  }

  /** Leaves the element as it is from now on. */
  end(element: Element): void {
    this.#entries.delete(element);
  }

  /** Stops all of them, or lets them go on. */
  stop(stopped: boolean): void {
    this.#stopped = stopped;
    if (!stopped) this.#run();
  }

  #run(): void {
    if (!this.#stopped && this.#entries.size > 0) this.#timer ??= window.setInterval(() => this.#tick(), 250);
  }

  #tick(): void {
    if (this.#stopped) return this.#halt();
    for (const entry of this.#entries.values()) {
      if (entry.element.isConnected) this.#show(entry);
      else this.#entries.delete(entry.element);
    }
    if (this.#entries.size === 0) this.#halt();
  }

  #halt(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #show({ element, until, words, over, share, wholeMs }: Entry): void {
    const left = Math.max(0, until - performance.now());
    share?.(wholeMs === 0 ? 0 : left / wholeMs);
    setText(element, left === 0 ? over : words(formatMs(Math.ceil(left / 1000) * 1000)));
    if (left === 0) this.#entries.delete(element);
  }
}
