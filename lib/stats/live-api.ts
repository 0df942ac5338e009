import type { Delta } from './digest/delta.js';
import { OTHERS, Tally } from './digest/tally.js';
import { LiveTimes } from './live-times.js';
import type { StoredError } from './stored-error.js';

/** URLs that are remembered, and how long each may be. */
const MAX_RECENT = 256;
const MAX_RECENT_LENGTH = 128;

/** A path whose requests are being recorded. */
export class LivePath {
  readonly name: string;
  readonly responseTimes = new LiveTimes();
  readonly firstBytes = new LiveTimes();
  readonly upstreamTimes = new LiveTimes();
  /** Most paths have none of these. */
  streamTimes: LiveTimes | undefined = undefined;
  webSocketTimes: LiveTimes | undefined = undefined;
  /** Something was recorded since the last seal. */
  touched = false;
  /** Counters since the last seal; without distributions. */
  tally = new Tally();

  constructor(name: string) {
    this.name = name;
  }

  /** What was recorded since the last call; `undefined` if nothing was. */
  take(): Tally | undefined {
    if (!this.touched) return undefined;
    const { tally } = this;
    this.touched = false;
    this.tally = new Tally();
    tally.responseTime = this.responseTimes.take();
    tally.timeToFirstByte = this.firstBytes.take();
    tally.upstreamTime = this.upstreamTimes.take();
    tally.streamTime = this.streamTimes?.take();
    tally.webSocketTime = this.webSocketTimes?.take();
    return tally;
  }
}

/** Records the requests of one API until they are sealed. */
export class LiveApi {
  readonly name: string;
  readonly #maxPaths: number;
  readonly #maxErrors: number;
  readonly #nameOf: (url: string) => string;
  readonly #paths = new Map<string, LivePath>();
  /** By URL. */
  readonly #recent = new Map<string, LivePath>();
  /** Newest last; at most twice as many as are kept. */
  #errors: StoredError[] = [];

  /** @param nameOf names the path of a URL */
  constructor(name: string, maxPaths: number, maxErrors: number, nameOf: (url: string) => string) {
    this.name = name;
    this.#maxPaths = maxPaths;
    this.#maxErrors = maxErrors;
    this.#nameOf = nameOf;
  }

  /** The path that a URL is counted under. Those that come again and again are not taken apart each time. */
  pathOf(url: string): LivePath {
    const known = this.#recent.get(url);
    if (known) return known;
    const path = this.path(this.#nameOf(url));
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
    const path = new LivePath(own);
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
      const tally = path.take();
      if (!tally) continue;
      total.add(tally);
      paths.set(path.name, tally);
    }
    if (paths.size === 0) return undefined;
    const errors = this.#errors.slice(-this.#maxErrors);
    this.#errors = [];
    return { span: 'minute', start, total, paths, errors };
  }
}
