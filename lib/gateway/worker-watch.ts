import { realTime, type StopTimer, type Time } from '../core/time.js';
import type { Logger } from './logger.js';
import { isNodeOptionGiven } from './node-option.js';

/** What a worker is asked; it says `true`. */
export const ALIVE = 'worker:alive';

const EVERY_MS = 1000;
/** Silent for so many looks, it is told of: garbage, or a file of many APIs, may keep it for a moment. */
const TOLD_AFTER = 5;
const KILLED_AFTER = 30;

/** A worker that is to respond. */
export interface WatchedWorker {
  readonly id: number;
  readonly process: { readonly pid?: number | undefined; kill(signal: 'SIGKILL'): unknown };
}

export interface WatchOptions {
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Those that serve now. */
  serving(): Iterable<WatchedWorker>;
  /** Resolves with `true` once it replies. */
  ask(worker: WatchedWorker): Promise<unknown>;
  /** Somebody may have stopped a worker to look into it. @default whether Node has an option for a debugger */
  readonly debugged?: boolean;
}

interface Silence {
  readonly worker: WatchedWorker;
  /** While it was silent. A machine that sleeps has none, which no clock would tell. */
  looks: number;
}

/**
 * Looks whether workers respond. One whose event loop is blocked, or that was stopped, neither ends nor serves, and its
 * clients wait: it is told of, and killed after half a minute, so that another takes its place.
 */
export class WorkerWatch {
  readonly #options: WatchOptions;
  readonly #kills: boolean;
  readonly #silences = new Map<number, Silence>();
  readonly #stop: StopTimer;

  /** @param time for tests */
  constructor(options: WatchOptions, time: Time = realTime) {
    this.#options = options;
    this.#kills = !(options.debugged ?? isNodeOptionGiven('--inspect'));
    this.#stop = time.every(EVERY_MS, () => this.#look());
  }

  /** What is wrong now, as sentences. */
  problems(): string[] {
    return [...this.#silences.values()]
      .filter(({ looks }) => looks >= TOLD_AFTER)
      .map(({ worker, looks }) => `worker ${worker.process.pid} has not responded for ${looks} s: ${WHY}`);
  }

  close(): void {
    this.#stop();
  }

  #look(): void {
    for (const worker of this.#options.serving()) {
      const silence = this.#silences.get(worker.id);
      if (silence) this.#goesOn(silence);
      else this.#ask({ worker, looks: 0 });
    }
  }

  #ask(silence: Silence): void {
    const { id, process } = silence.worker;
    this.#silences.set(id, silence);
    void this.#options.ask(silence.worker).then((reply) => {
      this.#silences.delete(id);
      // One that has ended says nothing.
      if (reply === true && silence.looks >= TOLD_AFTER)
        this.#options.logger.info({ worker: process.pid }, 'a worker responds again');
    });
  }

  #goesOn(silence: Silence): void {
    const { logger } = this.#options;
    const { process } = silence.worker;
    silence.looks++;
    const told = { worker: process.pid, silentMs: silence.looks * EVERY_MS };
    if (silence.looks === TOLD_AFTER) logger.warn(told, `a worker does not respond: ${WHY}`);
    if (silence.looks !== KILLED_AFTER || !this.#kills) return;
    logger.error(told, 'a worker does not respond and is killed');
    process.kill('SIGKILL');
  }
}

const WHY = 'its event loop is blocked, or it is stopped';
