/** When a Redis that does not reply is no longer used, and when it is probed. */
export interface RedisCircuitLimits {
  /** Consecutive look-ups without a reply. */
  readonly failures: number;
  /** Time between two probes while the circuit is open. */
  readonly resetMs: number;
}

/** Sends any command to the node of `key`; resolves to `true` when it replies. */
export type RedisProbe = (key: string) => Promise<boolean>;

type State =
  | { readonly name: 'closed'; readonly failures: number }
  | { readonly name: 'open'; readonly timer: NodeJS.Timeout };

const CLOSED: State = { name: 'closed', failures: 0 };

/**
 * Keeps a dead Redis from adding its timeout to each request. While the circuit is open one probe at a time runs in
 * the background, so that no request waits to find out whether Redis is back.
 */
export class RedisCircuit {
  readonly #limits: RedisCircuitLimits;
  readonly #probe: RedisProbe;
  readonly #onClosed: () => void;
  readonly #onOpened: (() => void) | undefined;
  #state: State = CLOSED;

  constructor(limits: RedisCircuitLimits, probe: RedisProbe, onClosed: () => void, onOpened?: () => void) {
    this.#limits = limits;
    this.#probe = probe;
    this.#onClosed = onClosed;
    this.#onOpened = onOpened;
  }

  get isOpen(): boolean {
    return this.#state.name === 'open';
  }

  succeeded(): void {
    if (this.#state.name === 'closed' && this.#state.failures > 0) this.#state = CLOSED;
  }

  failed(key: string): void {
    // A look-up from before the circuit opened says nothing new.
    if (this.#state.name === 'open') return;
    const failures = this.#state.failures + 1;
    if (failures < this.#limits.failures) this.#state = { name: 'closed', failures };
    else {
      this.#open(key);
      this.#onOpened?.();
    }
  }

  /** Closes the circuit: there is a new connection, or a probe succeeded. */
  reset(): void {
    if (this.#state.name === 'closed') return;
    clearTimeout(this.#state.timer);
    this.#state = CLOSED;
    this.#onClosed();
  }

  /** Stops the probes. */
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
    const replied = await this.#probe(key);
    // A new connection may have closed it in the meantime.
    if (this.#state.name !== 'open' || this.#state.timer !== timer) return;
    if (replied) this.reset();
    else this.#open(key);
  }
}
