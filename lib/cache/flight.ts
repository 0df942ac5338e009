import type { ServerResponse } from 'node:http';
import type { ProxyError } from '../core/errors.js';
import { KeptChunks } from '../core/kept-chunks.js';
import type { EntryMeta } from './store/entry.js';

/** Why a request that waited for another's response has to go on without it. */
export type ReleaseReason =
  /** No response: an error, a status of 500 or above, or the leading client left. */
  | 'failed'
  /** The response says that there was something wrong with the leading request. */
  | 'refused'
  /** The response varies on headers that differ between the two requests. */
  | 'other-variant'
  /** There is a response, but only for its own client. */
  | 'not-shared'
  /** The response is in the store now. */
  | 'stored';

/** A request that waits for the response to an equal one. */
export interface Follower {
  /**
   * The head has arrived and may be stored.
   * @returns `stream`: it has sent what there is and wants the rest; `whole`: it waits until all is stored; `left`:
   * it is done, or continues on its own
   */
  begin(head: EntryMeta, chunks: readonly Buffer[]): 'stream' | 'whole' | 'left';
  chunk(chunk: Buffer): void;
  /** The whole body was passed to {@link chunk}. */
  end(): void;
  /** The body broke off after {@link begin}, by this error where it is known. */
  cut(error: ProxyError | undefined): void;
  /** Its client's response, while it streams. */
  readonly res: ServerResponse;
  release(reason: ReleaseReason): void;
}

/** Tells the request that leads a flight about those that wait for it. */
export interface FlightHooks {
  /** The first follower has joined. */
  joined(): void;
  /** The last follower has left. */
  deserted(): void;
  /** No more followers can join. */
  over(flight: Flight): void;
}

/** One request in flight for a key, and the requests that wait for its response. */
export class Flight {
  readonly key: string;
  /** The key, or that of a variant. */
  readonly name: string;
  /** The next one in the same place of a table. */
  behind: Flight | undefined = undefined;
  /** That of its name, there. */
  hash = 0;
  #head: EntryMeta | undefined;
  #chunks = new KeptChunks();
  #spilt = false;
  // Created for the first follower: most requests have none.
  #waiting: Set<Follower> | undefined;
  #streaming: Set<Follower> | undefined;
  // Cleared at the end: a map that releases the flight late must not keep the whole request alive.
  #hooks: FlightHooks | undefined;
  #successor: Flight | undefined;
  /** Names of the headers that its response varies on, once that is known. */
  varyNames: readonly string[] = NO_NAMES;

  /** @param key of all responses of which this one may be a variant */
  constructor(key: string, name: string, hooks: FlightHooks) {
    this.key = key;
    this.name = name;
    this.#hooks = hooks;
  }

  /** Another one was begun since this one took too long: who waits for that gets this response if it comes first. */
  succeededBy(successor: Flight): void {
    this.#successor = successor;
  }

  get followed(): boolean {
    return (this.#waiting?.size ?? 0) + (this.#streaming?.size ?? 0) > 0;
  }

  get streaming(): boolean {
    return (this.#streaming?.size ?? 0) > 0;
  }

  /** Responses of those that stream. */
  get readers(): ServerResponse[] {
    return this.#streaming ? Array.from(this.#streaming, ({ res }) => res) : [];
  }

  join(follower: Follower): void {
    const first = !this.followed;
    this.#waiting ??= new Set();
    this.#waiting.add(follower);
    if (first) this.#hooks?.joined();
    if (this.#head) this.#begin(follower, this.#head);
    this.#checkDeserted();
  }

  leave(follower: Follower): void {
    this.#waiting?.delete(follower);
    this.#streaming?.delete(follower);
    this.#checkDeserted();
  }

  /** The head may be stored: every follower that can use it begins now. */
  open(head: EntryMeta): void {
    this.#head = head;
    this.varyNames = head.varyNames;
    if (!this.#waiting) return;
    for (const follower of [...this.#waiting]) this.#begin(follower, head);
    this.#checkDeserted();
  }

  push(chunk: Buffer): void {
    if (!this.#spilt) this.#chunks.add(chunk);
    if (this.#streaming) for (const follower of this.#streaming) follower.chunk(chunk);
  }

  /** The body is too large to store: no more may join, and those that stream get the rest as it arrives. */
  spill(): void {
    this.#spilt = true;
    this.#chunks = new KeptChunks();
    this.#hooks?.over(this);
    this.#release('not-shared');
  }

  /** The response is complete; `stored` says whether it can be read from the store. */
  finish(stored: boolean): void {
    if (!this.#hooks) return;
    for (const follower of this.#end()) follower.end();
    this.#release(stored ? 'stored' : 'not-shared');
    if (stored) this.#successor?.overtaken();
  }

  /** There is no response, none to share, or no more of it. */
  fail(reason: 'failed' | 'refused' | 'not-shared', error?: ProxyError): void {
    if (!this.#hooks) return;
    for (const follower of this.#end()) follower.cut(error);
    this.#release(reason);
  }

  /** @returns the followers that stream */
  #end(): Iterable<Follower> {
    this.#hooks?.over(this);
    this.#hooks = undefined;
    this.#head = undefined;
    this.#chunks = new KeptChunks();
    const streaming = this.#streaming;
    this.#streaming = undefined;
    return streaming ?? NOBODY;
  }

  #begin(follower: Follower, head: EntryMeta): void {
    const way = follower.begin(head, this.#chunks.list());
    if (way === 'whole') return;
    // It may have left already, and must not be added then.
    if (!this.#waiting?.delete(follower) || way !== 'stream') return;
    this.#streaming ??= new Set();
    this.#streaming.add(follower);
  }

  /** What it fetches is in the store by now. */
  overtaken(): void {
    if (!this.#head) this.#release('stored');
  }

  #release(reason: ReleaseReason): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const follower of waiting) follower.release(reason);
  }

  #checkDeserted(): void {
    if (!this.followed) this.#hooks?.deserted();
  }
}

const NOBODY: readonly Follower[] = [];
const NO_NAMES: readonly string[] = Object.freeze([]);
