import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { realTime, type StopTimer, type Time } from '../core/time.js';

/** How late the event loop was, in seconds. */
export interface LoopLag {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const RESOLUTION_MS = 10;
const ROTATE_MS = 60_000;

/**
 * Watches the event loop until it is closed. Two monitors take turns to begin anew, one each minute: an old peak does
 * not hide what happens now, and any number of readers see the same.
 */
export class EventLoopLag {
  #longer = startMonitor();
  #shorter = startMonitor();
  readonly #stop: StopTimer;

  constructor(time: Time = realTime) {
    this.#stop = time.every(ROTATE_MS, () => this.#rotate());
  }

  /** The last one to two minutes; as long as it runs, at first. */
  read(): LoopLag {
    const monitor = this.#longer;
    if (monitor.count === 0) return { mean: 0, p50: 0, p99: 0, max: 0 };
    return {
      mean: seconds(monitor.mean),
      p50: seconds(monitor.percentile(50)),
      p99: seconds(monitor.percentile(99)),
      max: seconds(monitor.max),
    };
  }

  close(): void {
    this.#stop();
    this.#longer.disable();
    this.#shorter.disable();
  }

  #rotate(): void {
    const oldest = this.#longer;
    oldest.reset();
    this.#longer = this.#shorter;
    this.#shorter = oldest;
  }
}

function startMonitor(): IntervalHistogram {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  return monitor;
}

/** Node records the time between two of its ticks, which is never less than the resolution. */
function seconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1000;
}
