import type { Delta } from './digest/delta.js';
import { OTHERS, Tally } from './digest/tally.js';
import { LiveTimes } from './live-times.js';
import { pathTemplate } from './path-template.js';
import type { StoredError } from './stored-error.js';

/** URLs that are remembered, and how long each may be. */
const MAX_RECENT = 256;
const MAX_RECENT_LENGTH = 128;

/** A path whose requests are being recorded. */
export interface LivePath {
  readonly name: string;
  readonly responseTimes: LiveTimes;
  readonly firstBytes: LiveTimes;
  /** Counters since the last seal; without distributions. */
  tally: Tally;
}

/** Records the requests of one API until they are sealed. */
export class LiveApi {
  readonly name: string;
  readonly #maxPaths: number;
  readonly #maxErrors: number;
  readonly #paths = new Map<string, LivePath>();
  /** By URL. */
  readonly #recent = new Map<string, LivePath>();
  /** Newest last; at most twice as many as are kept. */
  #errors: StoredError[] = [];

  constructor(name: string, maxPaths: number, maxErrors: number) {
    this.name = name;
    this.#maxPaths = maxPaths;
    this.#maxErrors = maxErrors;
  }

  /** The path that a URL is counted under. Those that come again and again are not taken apart each time. */
  pathOf(url: string): LivePath {
    const known = this.#recent.get(url);
    if (known) return known;
    const path = this.path(pathTemplate(url));
    if (url.length > MAX_RECENT_LENGTH) return path;
    if (this.#recent.size >= MAX_RECENT) this.#recent.clear();
    this.#recent.set(url, path);
    return path;
  }

  /** The path of this name; one for all others beyond the limit. */
  path(name: string): LivePath {
    const known = this.#paths.get(name);
    if (known) return known;
    if (this.#paths.size >= this.#maxPaths && name !== OTHERS) return this.path(OTHERS);
    // A substring of a URL would keep the whole URL in memory.
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

  /** Everything recorded since the last seal, as the delta of the minute that starts at `start`. */
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
