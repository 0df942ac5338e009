import type { StopTimer, Time } from '../core/time.js';

/** After this a process that was killed counts no more. */
const LEASE_MS = 1000;

/** How often a lease is renewed. */
const RENEW_MS = 300;

/** How often those that wait look for what others have given back. */
const POLL_MS = 20;

/** What is unused for this long is given back. */
const LINGER_MS = 50;

/** What has a share. */
export interface ShareHolder {
  readonly inFlight: number;
  readonly waiting: number;
  readonly isUnused: boolean;
  /** So many may be in flight now. */
  resize(capacity: number): void;
  /** There is no more for now. */
  turnAwayMost(): void;
  /** Nothing is held in Redis any more. */
  returned(): void;
}

/** Where the parts of limits are kept that processes share. Nothing here throws or rejects. */
export interface ShareBook {
  /**
   * Takes a part of a limit for a while.
   * @returns what it may have; `undefined` without a reply in time
   */
  lease(key: string, lease: Lease): Promise<number | undefined>;
  /** Gives everything back. */
  giveBack(key: string, member: string): void;
  /** Calls back when replies can be expected again. */
  onRecovered(listener: () => void): void;
  close(): Promise<void>;
}

/** What one process asks for. */
export interface Lease {
  readonly member: string;
  /** What it may have in flight until the reply. */
  readonly floor: number;
  readonly want: number;
  readonly limit: number;
  readonly leaseMs: number;
}

/** What the shares of one `concurrency()` have in common. */
export interface Fleet {
  readonly book: ShareBook;
  readonly time: Time;
  /** Name of this process. */
  readonly member: string;
  readonly limit: number;
  /** By how many processes the limit is divided while Redis is lost; `Infinity`: nothing may go. */
  readonly lost?: (() => number) | undefined;
  /** Resolves at the first connection, or when a command would have timed out. */
  readonly connected: Promise<void>;
}

/**
 * The part of a limit that this process has of the fleet's, leased for a second at a time. As many places as it has
 * lately needed are kept, so that in steady traffic Redis is asked a few times a second and no call waits for it.
 * Without Redis the process goes on by itself with the whole limit, or as `onStoreLoss` says.
 */
export class FleetShare {
  readonly #fleet: Fleet;
  readonly #key: string;
  readonly #holder: ShareHolder;
  #granted = 0;
  /** Most that were in flight since the last look. */
  #peak = 0;
  /** What Redis knows that is wanted here. */
  #wanted = 0;
  #repliedAt = Number.NEGATIVE_INFINITY;
  #alone = false;
  #asking = false;
  #again = false;
  #closed = false;
  #stopTimer: StopTimer | undefined;
  #timerAt = 0;

  constructor(fleet: Fleet, key: string, holder: ShareHolder) {
    this.#fleet = fleet;
    this.#key = key;
    this.#holder = holder;
  }

  /** Whether nothing is held in Redis, nor about to be. */
  get isReturned(): boolean {
    return !this.#asking && (this.#alone || (this.#granted === 0 && this.#wanted === 0));
  }

  /** Nothing may go, since nobody knows what is in flight elsewhere. */
  get isLost(): boolean {
    return this.#alone && this.#granted === 0;
  }

  /** How many more there may be. */
  get hope(): number {
    return this.#alone ? 0 : Math.max(0, this.#fleet.limit - this.#granted);
  }

  /** A request has ended: what stays unused is given back soon. */
  freed(): void {
    const { inFlight } = this.#holder;
    if (inFlight >= this.#peak) this.#peak = inFlight + 1;
    this.#look(this.#alone ? RENEW_MS : LINGER_MS);
  }

  /** Asks Redis for what is needed now. */
  ask(): void {
    if (this.#closed) return;
    if (this.#asking) this.#again = true;
    else void this.#ask();
  }

  /** Gives everything back. */
  close(): void {
    this.#closed = true;
    this.#stopTimer?.();
    const { book, member } = this.#fleet;
    if (!this.isReturned) book.giveBack(this.#key, member);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    await this.#fleet.connected;
    do {
      this.#again = false;
      await this.#askOnce();
    } while (this.#again && !this.#closed);
    this.#asking = false;
    if (this.#closed) return this.close();
    if (this.#holder.waiting > 0) this.#holder.turnAwayMost();
    this.#plan();
  }

  async #askOnce(): Promise<void> {
    const { book, member, limit, time } = this.#fleet;
    const want = Math.min(limit, this.#need());
    this.#peak = this.#holder.inFlight;
    // What Redis takes back must not be used before its reply.
    if (!this.#alone && want < this.#granted) this.#grant(want);
    const floor = this.#alone ? this.#holder.inFlight : Math.max(this.#granted, this.#holder.inFlight);
    const granted = await book.lease(this.#key, {
      member,
      floor: Math.min(floor, limit),
      want,
      limit,
      leaseMs: LEASE_MS,
    });
    this.#wanted = want;
    if (this.#closed) return;
    this.#alone = granted === undefined;
    this.#repliedAt = time.steady();
    this.#grant(granted ?? this.#limitAlone());
  }

  /** At least one, which a process that is divided has in any case. */
  #limitAlone(): number {
    const { limit, lost } = this.#fleet;
    const processes = lost?.() ?? 1;
    return processes === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.floor(limit / processes));
  }

  #grant(granted: number): void {
    this.#granted = granted;
    this.#holder.resize(granted);
  }

  #need(): number {
    return Math.max(this.#holder.inFlight + this.#holder.waiting, this.#peak);
  }

  /** When to ask again. */
  #plan(): void {
    const { inFlight, waiting } = this.#holder;
    if (this.#alone) return inFlight + waiting > 0 ? this.#look(RENEW_MS) : this.#holder.returned();
    if (waiting > 0 || inFlight > this.#granted) return this.#look(POLL_MS);
    if (this.#granted === 0 && this.#wanted > 0) return this.ask();
    if (this.#granted === 0) return this.#holder.returned();
    this.#look(this.#granted > inFlight ? LINGER_MS : RENEW_MS);
  }

  #look(inMs: number): void {
    const at = this.#fleet.time.steady() + inMs;
    if (this.#closed || (this.#stopTimer && this.#timerAt <= at)) return;
    this.#stopTimer?.();
    this.#timerAt = at;
    this.#stopTimer = this.#fleet.time.after(inMs, () => {
      this.#stopTimer = undefined;
      this.#tick();
    });
  }

  #tick(): void {
    const isDue = this.#fleet.time.steady() - this.#repliedAt >= RENEW_MS - POLL_MS;
    if (this.#alone || isDue || this.#need() !== this.#granted) return this.ask();
    this.#peak = this.#holder.inFlight;
    this.#plan();
  }
}
