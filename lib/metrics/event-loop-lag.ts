import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late the event loop was since the last reading, in seconds. */
export interface LoopLag {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const RESOLUTION_MS = 10;

/** Watches the event loop until it is closed. */
export class EventLoopLag {
  readonly #monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#monitor.enable();
  }

  /** Resets with each reading: an old peak would hide what happens now. */
  read(): LoopLag {
    const { count, mean, max } = this.#monitor;
    const lag =
      count === 0
        ? { mean: 0, p50: 0, p99: 0, max: 0 }
        : {
            mean: seconds(mean),
            p50: seconds(this.#monitor.percentile(50)),
            p99: seconds(this.#monitor.percentile(99)),
            max: seconds(max),
          };
    this.#monitor.reset();
    return lag;
  }

  close(): void {
    this.#monitor.disable();
  }
}

/** Node records the time between two of its ticks, which is never less than the resolution. */
function seconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1000;
}
