import type { Problem } from './contract.js';
import { openStream, type Stream } from './stream.js';

/** How a page is updated: live, every so many seconds, or only by the button. */
export type Refresh = 'live' | 'off' | 5 | 10 | 30 | 60;

/** What the feed is doing: `polling` if a live stream was wanted but does not work. */
export type FeedState = 'live' | 'connecting' | 'polling' | 'interval' | 'off' | 'hidden';

/** Receives what the feed reads. */
export interface FeedListener {
  /** A new value, under one of the feed's names. */
  value(name: string, value: unknown): void;
  /** The last update failed; `undefined` when updates work again. */
  problem(problem: Problem | undefined): void;
  state(state: FeedState): void;
}

const POLL_MS = 5000;
/** After this long without an event a stream counts as dead: the server sends one every 15 s. */
const SILENCE_MS = 40_000;
/** Behind a proxy that buffers events the stream opens, but nothing arrives. */
const FIRST_WORD_MS = 8000;
const LIVE_AGAIN_MS = 30_000;
/** A response that takes longer does not come. */
const RESPONSE_MS = 10_000;

/**
 * Values from the server: by server-sent events, or by polling if those do not arrive. Pauses while the page is hidden.
 * Addresses are relative to the page.
 */
export class Feed {
  readonly #names: readonly string[];
  readonly #query: () => string;
  readonly #listener: FeedListener;
  #refresh: Refresh = 'live';
  #events: Stream | undefined;
  #requesting: AbortController | undefined;
  #timer: number | undefined;
  #watchdog: number | undefined;
  #fellBackAt: number | undefined;
  /** It starts when the page is shown. */
  #waiting = false;

  constructor(names: readonly string[], query: () => string, listener: FeedListener) {
    this.#names = names;
    this.#query = query;
    this.#listener = listener;
    document.addEventListener('visibilitychange', () => this.#shown());
  }

  /** Restarts, with another way of refreshing or after the query has changed. */
  start(refresh: Refresh): void {
    this.#stop();
    this.#refresh = refresh;
    this.#fellBackAt = undefined;
    this.#waiting = document.hidden;
    if (this.#waiting) return this.#listener.state('hidden');
    if (refresh === 'live') return this.#follow();
    this.#listener.state(refresh === 'off' ? 'off' : 'interval');
    void this.#request();
  }

  /** Requests new values once, now. */
  refreshNow(): void {
    clearTimeout(this.#timer);
    void this.#request();
  }

  /** Pauses while the page is hidden, unless refreshing is off. */
  #shown(): void {
    if (document.hidden ? this.#refresh !== 'off' : this.#waiting) this.start(this.#refresh);
  }

  #stop(): void {
    this.#events?.close();
    this.#events = undefined;
    this.#requesting?.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
  }

  #follow(): void {
    this.#fellBackAt = undefined;
    this.#listener.state('connecting');
    if (!('EventSource' in window)) return this.#fallBack();
    this.#events = openStream(this.#names, this.#query(), {
      event: (name, text) => {
        this.#listener.state('live');
        this.#watch(SILENCE_MS);
        const value: unknown = JSON.parse(text);
        // The contract says what the server sends under this name.
        if (name === 'problem') return this.#listener.problem(value as Problem);
        this.#listener.problem(undefined);
        this.#listener.value(name, value);
      },
      connecting: () => this.#listener.state('connecting'),
      failed: () => this.#fallBack(),
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
    void this.#request();
  }

  async #request(): Promise<void> {
    this.#requesting?.abort();
    const controller = new AbortController();
    this.#requesting = controller;
    const outcome = await read(`data${this.#query()}`, controller.signal);
    // Another request has been made meanwhile, or the feed has stopped.
    if (controller.signal.aborted) return;
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
      else void this.#request();
    }, wait);
  }
}

/** An error response may have values as well, such as the APIs that do exist. */
interface Outcome {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problem: Problem | undefined;
}

async function read(address: string, stopped: AbortSignal): Promise<Outcome> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  stopped.addEventListener('abort', end);
  const timer = setTimeout(end, RESPONSE_MS);
  try {
    const response = await fetch(address, { signal: ending.signal, headers: { Accept: 'application/json' } });
    const body: unknown = await response.json();
    // The server always sends an object; with an error status it is a problem.
    const values = body as Record<string, unknown>;
    return { values, problem: response.ok ? undefined : (body as Problem) };
  } catch {
    return { values: {}, problem: { error: 'The server does not respond', code: 'ERR_UNREACHABLE' } };
  } finally {
    clearTimeout(timer);
  }
}
