import type { Delta } from './digest/delta.js';
import { OTHERS, Tally } from './digest/tally.js';
import { LiveTimes } from './live-times.js';
import type { StoredError } from './stored-error.js';

/** A path while calls of it are recorded. */
export interface LivePath {
  readonly name: string;
  readonly responseTimes: LiveTimes;
  readonly firstBytes: LiveTimes;
  /** What was counted since the last seal; without distributions. */
  tally: Tally;
}

/** Where the calls of one API are recorded until they are sealed. */
export class LiveApi {
  readonly name: string;
  readonly #maxPaths: number;
  readonly #maxErrors: number;
  readonly #paths = new Map<string, LivePath>();
  /** Newest last; twice as many as are kept at most. */
  #errors: StoredError[] = [];

  constructor(name: string, maxPaths: number, maxErrors: number) {
    this.name = name;
    this.#maxPaths = maxPaths;
    this.#maxErrors = maxErrors;
  }

  /** The path of this name; one for all others beyond the bound. */
  path(name: string): LivePath {
    const known = this.#paths.get(name);
    if (known) return known;
    if (this.#paths.size >= this.#maxPaths && name !== OTHERS) return this.path(OTHERS);
    // What was cut out of a URL would keep all of it in memory.
    const own = Buffer.from(name).toString();
    const path = {
      name: own,
      responseTimes: new LiveTimes(),
      firstBytes: new LiveTimes(),
      tally: new Tally(),
    };
    this.#paths.set(own, path);
    return path;
  }

  failed(error: StoredError): void {
    if (this.#maxErrors === 0) return;
    this.#errors.push(error);
    if (this.#errors.length >= 2 * this.#maxErrors) this.#errors = this.#errors.slice(-this.#maxErrors);
  }

  /** All that was recorded since the last time, as of the minute that begins at `start`. */
  seal(start: number): Delta | undefined {
    const paths = new Map<string, Tally>();
    const total = new Tally();
    for (const path of this.#paths.values()) {
      if (path.tally.total === 0) continue;
      const { tally } = path;
      path.tally = new Tally();
      tally.responseTime = path.responseTimes.take();
      tally.timeToFirstByte = path.firstBytes.take();
      total.add(tally);
      paths.set(path.name, tally);
    }
    if (paths.size === 0) return undefined;
    const errors = this.#errors.slice(-this.#maxErrors);
    this.#errors = [];
    return { span: 'minute', start, total, paths, errors };
  }
}
