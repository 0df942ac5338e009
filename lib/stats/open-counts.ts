import type { Machine } from '../core/machine.js';

/** What is open of an API now. */
export interface OpenCounts {
  /** Calls in progress, streams among them. */
  readonly calls: number;
  /** Streams: responses of events or the like, and those whose body takes longer than a second. */
  readonly streams: number;
  readonly webSockets: number;
}

const OPEN = 'stats:open';

/** Counts what is open in all processes of a gateway; without others, in this one. */
export class OpenEverywhere {
  readonly #own: (api: string) => OpenCounts;
  readonly #machine: Machine | undefined;
  readonly #stop: (() => void) | undefined;

  /** @param own what is open of an API in this process */
  constructor(own: (api: string) => OpenCounts, machine: Machine | undefined) {
    this.#own = own;
    this.#machine = machine;
    this.#stop = machine?.handle(OPEN, (api) => own(String(api)));
  }

  async of(api: string): Promise<OpenCounts> {
    const own = this.#own(api);
    if (!this.#machine?.primary) return own;
    const others = (await this.#machine.askAll(OPEN, api)) as readonly (OpenCounts | undefined)[];
    const sum = (name: keyof OpenCounts): number =>
      others.reduce((all, one) => all + (one?.[name] ?? 0), own[name]);
    return { calls: sum('calls'), streams: sum('streams'), webSockets: sum('webSockets') };
  }

  close(): void {
    this.#stop?.();
  }
}
