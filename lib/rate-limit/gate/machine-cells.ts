import type { Machine } from '../../core/machine.js';
import type { SharedState } from '../../core/part.js';
import { type Clock, steadyClock } from '../../core/steady-clock.js';
import type { Cells, Swapped } from './cells.js';
import type { Fact } from './directory.js';

const SWAP = 'limit:swap';
const FACTS = 'limit:facts';
const ADD = 'limit:add';

/** Clients may choose the credentials that values are kept for. */
const MAX_VALUES = 20_000;

/** Values that the processes of one machine share, in the memory of the primary. */
export class MachineCells implements Cells, SharedState {
  readonly usable = true;
  readonly #machine: Machine;
  readonly #stops: (() => void)[] = [];

  /** @param clock for tests */
  constructor(machine: Machine, clock: Clock = steadyClock) {
    this.#machine = machine;
    if (!machine.primary) return;
    const values = new Values(clock);
    this.#stops = [
      machine.handle(SWAP, (message) => values.swap(...(message as [string, string, string, number]))),
      machine.handle(FACTS, (key) => values.facts(String(key))),
      machine.handle(ADD, (message) => values.addFacts(...(message as [string, Fact[], number]))),
    ];
  }

  swap(...args: [string, string, string, number]): Promise<Swapped | undefined> {
    return this.#machine.ask(SWAP, args) as Promise<Swapped | undefined>;
  }

  facts(key: string): Promise<readonly Fact[] | undefined> {
    return this.#machine.ask(FACTS, key) as Promise<readonly Fact[] | undefined>;
  }

  addFacts(...args: [string, readonly Fact[], number]): void {
    this.#machine.tell(ADD, args);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }
}

interface Value {
  readonly text: string;
  readonly facts: Map<string, string>;
  readonly until: number;
}

/** What the primary keeps. */
class Values {
  readonly #clock: Clock;
  /** Least recently written first. */
  readonly #values = new Map<string, Value>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  swap(key: string, from: string, to: string, lifetimeMs: number): Swapped {
    const now = this.#clock();
    const current = this.#live(key, now)?.text ?? '';
    if (current !== from) return [0, current, now];
    if (to !== '') this.#put(key, { text: to, facts: new Map(), until: now + lifetimeMs });
    return [1, '', now];
  }

  facts(key: string): Fact[] {
    return [...(this.#live(key, this.#clock())?.facts ?? [])];
  }

  addFacts(key: string, facts: readonly Fact[], lifetimeMs: number): void {
    const now = this.#clock();
    const known = this.#live(key, now)?.facts ?? [];
    this.#put(key, { text: '', facts: new Map([...known, ...facts]), until: now + lifetimeMs });
  }

  #live(key: string, now: number): Value | undefined {
    const value = this.#values.get(key);
    return value && now < value.until ? value : undefined;
  }

  #put(key: string, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= MAX_VALUES) return;
    const [oldest = ''] = this.#values.keys();
    this.#values.delete(oldest);
  }
}
