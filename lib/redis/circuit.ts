/** When a Redis that does not answer is asked no more, and when again. */
export interface RedisCircuitLimits {
  /** Look-ups in a row without an answer. */
  readonly failures: number;
  /** Time between two trials while nothing else is asked. */
  readonly resetMs: number;
}

/** Asks for anything at all on the node of `key`; `true` when it answers. */
export type RedisProbe = (key: string) => Promise<boolean>;

type State =
  | { readonly name: 'closed'; readonly failures: number }
  | { readonly name: 'open'; readonly timer: NodeJS.Timeout };

const CLOSED: State = { name: 'closed', failures: 0 };

/**
 * Keeps a dead Redis from adding its timeout to each call. While it is open one trial at a time is made beside the
 * calls, so that none of them waits to find out whether Redis is back.
 */
export class RedisCircuit {
  readonly #limits: RedisCircuitLimits;
  readonly #probe: RedisProbe;
  readonly #onClosed: () => void;
  #state: State = CLOSED;

  constructor(limits: RedisCircuitLimits, probe: RedisProbe, onClosed: () => void) {
    this.#limits = limits;
    this.#probe = probe;
    this.#onClosed = onClosed;
  }

  get isOpen(): boolean {
    return this.#state.name === 'open';
  }

  succeeded(): void {
    if (this.#state.name === 'closed' && this.#state.failures > 0) this.#state = CLOSED;
  }

  failed(key: string): void {
    // A look-up of before the circuit opened says nothing new.
    if (this.#state.name === 'open') return;
    const failures = this.#state.failures + 1;
    if (failures < this.#limits.failures) this.#state = { name: 'closed', failures };
    else this.#open(key);
  }

  /** Closes it: there is a new connection, or a trial was answered. */
  reset(): void {
    if (this.#state.name === 'closed') return;
    clearTimeout(this.#state.timer);
    this.#state = CLOSED;
    this.#onClosed();
  }

  /** Ends the trials. */
  close(): void {
    if (this.#state.name === 'open') clearTimeout(this.#state.timer);
    this.#state = CLOSED;
  }

  #open(key: string): void {
    const timer = setTimeout(() => void this.#try(key, timer), this.#limits.resetMs);
    timer.unref();
    this.#state = { name: 'open', timer };
  }

  async #try(key: string, timer: NodeJS.Timeout): Promise<void> {
    const answered = await this.#probe(key);
    // A new connection may have closed it meanwhile.
    if (this.#state.name !== 'open' || this.#state.timer !== timer) return;
    if (answered) this.reset();
    else this.#open(key);
  }
}
