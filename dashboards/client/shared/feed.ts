import type { Problem } from './contract.js';

/** How a page keeps up to date: live, by asking every so many seconds, or only when told to. */
export type Refresh = 'live' | 'off' | 5 | 10 | 30 | 60;

/** What the feed is doing: `polling` where live was wanted and is not to be had. */
export type FeedState = 'live' | 'connecting' | 'polling' | 'interval' | 'off' | 'hidden';

/** What the feed tells. */
export interface FeedListener {
  /** A value of one of the feed's names. */
  value(name: string, value: unknown): void;
  /** Nothing new can be had just now; `undefined` once it can again. */
  problem(problem: Problem | undefined): void;
  state(state: FeedState): void;
}

const POLL_MS = 5000;
/** After this long without a word an open stream is taken for dead: the server speaks every 15 s. */
const SILENCE_MS = 40_000;
/** A proxy that holds events back lets the stream open, and nothing comes. */
const FIRST_WORD_MS = 8000;
const LIVE_AGAIN_MS = 30_000;

/**
 * Values from the server: by server-sent events, and by asking where those do not come through. Rests while the
 * page is hidden. Addresses are relative to the page.
 */
export class Feed {
  readonly #names: readonly string[];
  readonly #query: () => string;
  readonly #listener: FeedListener;
  #refresh: Refresh = 'live';
  #events: EventSource | undefined;
  #asking: AbortController | undefined;
  #timer: number | undefined;
  #watchdog: number | undefined;
  #fellBackAt: number | undefined;
  /** It begins once the page is shown. */
  #waiting = false;

  constructor(names: readonly string[], query: () => string, listener: FeedListener) {
    this.#names = names;
    this.#query = query;
    this.#listener = listener;
    document.addEventListener('visibilitychange', () => this.#shown());
  }

  /** Begins anew: with another way of refreshing, or after the query has changed. */
  start(refresh: Refresh): void {
    this.#stop();
    this.#refresh = refresh;
    this.#fellBackAt = undefined;
    this.#waiting = document.hidden;
    if (this.#waiting) return this.#listener.state('hidden');
    if (refresh === 'live') return this.#follow();
    this.#listener.state(refresh === 'off' ? 'off' : 'interval');
    void this.#ask();
  }

  /** Asks once, now. */
  askNow(): void {
    clearTimeout(this.#timer);
    void this.#ask();
  }

  /** What was asked for by hand stays as it is; all else rests while it is hidden. */
  #shown(): void {
    if (document.hidden ? this.#refresh !== 'off' : this.#waiting) this.start(this.#refresh);
  }

  #stop(): void {
    this.#events?.close();
    this.#events = undefined;
    this.#asking?.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
  }

  #follow(): void {
    this.#fellBackAt = undefined;
    this.#listener.state('connecting');
    if (!('EventSource' in window)) return this.#fallBack();
    const events = new EventSource(`events${this.#query()}`);
    this.#events = events;
    let errors = 0;
    const heard = (): void => {
      this.#listener.state('live');
      errors = 0;
      this.#watch(SILENCE_MS);
    };
    for (const name of this.#names) {
      events.addEventListener(name, ({ data }: MessageEvent<string>) => {
        heard();
        this.#listener.problem(undefined);
        this.#listener.value(name, JSON.parse(data));
      });
    }
    events.addEventListener('problem', ({ data }: MessageEvent<string>) => {
      heard();
      // What the server sends under this name is of this type.
      this.#listener.problem(JSON.parse(data) as Problem);
    });
    events.addEventListener('error', () => {
      errors++;
      if (events.readyState === EventSource.CLOSED || errors > 1) return this.#fallBack();
      this.#listener.state('connecting');
    });
    this.#watch(FIRST_WORD_MS);
  }

  #watch(ms: number): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = window.setTimeout(() => this.#fallBack(), ms);
  }

  #fallBack(): void {
    this.#stop();
    this.#fellBackAt = performance.now();
    this.#listener.state('polling');
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const outcome = await read(`data${this.#query()}`, asking.signal);
    // Another question has been asked meanwhile, or none is any more.
    if (asking.signal.aborted) return;
    this.#listener.problem(outcome.problem);
    for (const name of this.#names) {
      if (name in outcome.values) this.#listener.value(name, outcome.values[name]);
    }
    this.#next();
  }

  #next(): void {
    const refresh = this.#refresh;
    if (refresh === 'off' || this.#events) return;
    const wait = refresh === 'live' ? POLL_MS : refresh * 1000;
    this.#timer = window.setTimeout(() => {
      const since = this.#fellBackAt;
      if (since !== undefined && performance.now() - since > LIVE_AGAIN_MS) this.#follow();
      else void this.#ask();
    }, wait);
  }
}

/** A refusal may bring values as well: what there is in place of what was asked for. */
interface Outcome {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problem: Problem | undefined;
}

async function read(address: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await fetch(address, { signal, headers: { Accept: 'application/json' } });
    const body: unknown = await response.json();
    // What the server sends is an object in any case, and a problem where it is not well.
    const values = body as Record<string, unknown>;
    return { values, problem: response.ok ? undefined : (body as Problem) };
  } catch {
    return { values: {}, problem: { error: 'The server does not answer', code: 'ERR_UNREACHABLE' } };
  }
}
