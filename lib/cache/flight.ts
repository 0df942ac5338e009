import type { EntryMeta } from './store/entry.js';

/** Why a call that waited for another's answer has to go on without it. */
export type ReleaseReason =
  /** There is no answer: an error, a status of 500 or above, a leader that went away. */
  | 'failed'
  /** There is one, but for its own client only. */
  | 'not-shared'
  /** The store has it now. */
  | 'stored';

/** A call that waits for the answer of an equal one. */
export interface Follower {
  /**
   * The head is here and may be stored.
   * @returns `stream`: it has sent what there is and wants the rest; `whole`: it waits until all is stored; `left`: it
   * has what it wants or goes its own way
   */
  begin(head: EntryMeta, chunks: readonly Buffer[]): 'stream' | 'whole' | 'left';
  chunk(chunk: Buffer): void;
  /** All of the body was given to {@link chunk}. */
  end(): void;
  /** The body broke off after {@link begin}. */
  cut(): void;
  release(reason: ReleaseReason): void;
}

/** What the one that makes the call is told about those that wait. */
export interface FlightHooks {
  /** There is one that waits, where there was none. */
  joined(): void;
  /** The last one has left. */
  deserted(): void;
  /** No more can join. */
  over(): void;
}

/** One call under way for a key, and those that wait for its answer. */
export class Flight {
  #head: EntryMeta | undefined;
  #chunks: Buffer[] = [];
  #spilt = false;
  // Made for the first follower: most calls have none.
  #waiting: Set<Follower> | undefined;
  #streaming: Set<Follower> | undefined;
  // Gone when it is over: a map that lets go of a flight late must not keep a whole call alive.
  #hooks: FlightHooks | undefined;

  constructor(hooks: FlightHooks) {
    this.#hooks = hooks;
  }

  get followed(): boolean {
    return (this.#waiting?.size ?? 0) + (this.#streaming?.size ?? 0) > 0;
  }

  get streaming(): boolean {
    return (this.#streaming?.size ?? 0) > 0;
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

  /** The head may be stored: whoever can use it begins now. */
  open(head: EntryMeta): void {
    this.#head = head;
    if (!this.#waiting) return;
    for (const follower of [...this.#waiting]) this.#begin(follower, head);
    this.#checkDeserted();
  }

  push(chunk: Buffer): void {
    if (!this.#spilt) this.#chunks.push(chunk);
    if (this.#streaming) for (const follower of this.#streaming) follower.chunk(chunk);
  }

  /** The body is too large to be kept: no more may join, and those that stream get the rest as it comes. */
  spill(): void {
    this.#spilt = true;
    this.#chunks = [];
    this.#hooks?.over();
    this.#release('not-shared');
  }

  /** The answer has ended: `stored` says whether it can be had from the store. */
  finish(stored: boolean): void {
    if (!this.#hooks) return;
    for (const follower of this.#end()) follower.end();
    this.#release(stored ? 'stored' : 'not-shared');
  }

  /** There is no answer, none to share, or no more of it. */
  fail(reason: 'failed' | 'not-shared'): void {
    if (!this.#hooks) return;
    for (const follower of this.#end()) follower.cut();
    this.#release(reason);
  }

  /** @returns those that stream */
  #end(): Iterable<Follower> {
    this.#hooks?.over();
    this.#hooks = undefined;
    this.#head = undefined;
    this.#chunks = [];
    const streaming = this.#streaming;
    this.#streaming = undefined;
    return streaming ?? NOBODY;
  }

  #begin(follower: Follower, head: EntryMeta): void {
    const way = follower.begin(head, this.#chunks);
    if (way === 'whole') return;
    // It may have gone already, and then must not be kept.
    if (!this.#waiting?.delete(follower) || way !== 'stream') return;
    this.#streaming ??= new Set();
    this.#streaming.add(follower);
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
