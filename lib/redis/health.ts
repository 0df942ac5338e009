import { Events } from '../core/events.js';
import type { Time } from '../core/time.js';
import { isNews, reasonText, saysMore } from './reasons.js';

/** `connecting` until the first connection; `degraded`: some commands are refused. */
export type RedisState = 'connecting' | 'up' | 'degraded' | 'down';

/** A change of state, or of its reason. */
export interface RedisChange {
  readonly state: RedisState;
  /** Code of the error, such as `ECONNREFUSED`, `WRONGPASS` or `OOM`; never a message, which may hold a secret. */
  readonly reason: string | undefined;
  /** What is to be known, as a sentence. */
  readonly message: string;
  /** How long the state before lasted. */
  readonly afterMs: number;
}

/** How the connection to Redis is, and what it cost. */
export interface RedisStatus {
  readonly state: RedisState;
  /** Code of the error; `undefined` while all is well. */
  readonly reason: string | undefined;
  /** What is wrong, as a sentence; `undefined` while all is well. */
  readonly message: string | undefined;
  /** When this state began, in epoch milliseconds. */
  readonly since: number;
  /** Commands without a reply in time. */
  readonly timeouts: number;
  /** Commands that Redis refused, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Decisions that this process made by itself since Redis gave no reply, by part. */
  readonly localDecisions: Readonly<Record<string, number>>;
  /** Processes with the same prefix that serve and were heard of within the last seconds, this one included. */
  readonly processes: number;
}

/** Events of `proxy.redis`. */
export interface RedisEvents {
  /** The state has changed, or the reason for it. */
  change: [event: RedisChange];
}

/** A stall that is shorter is no news: the timeouts are counted. */
const SILENT_AFTER_MS = 1000;
/** Reasons for which no write at all is taken. */
const TO_ALL = ['READONLY', 'LOADING', 'MASTERDOWN', 'MISCONF', 'NOREPLICAS', 'CLUSTERDOWN', 'BUSY'];
/** Reasons for which a client leaves, and connects anew: its close is no news as long as that succeeds. */
const LEFT_FOR = ['READONLY', 'LOADING'];
/** What was refused last so long ago is over. */
const OVER_AFTER_MS = 30_000;

/** Knows how Redis is, from what its users report, and tells of each change once. */
export class RedisHealth {
  readonly events = new Events<RedisEvents>();
  readonly #time: Time;
  /** Circuits of users that get no replies, and since when, on the steady clock. */
  readonly #silent = new Map<object, number>();
  /** When a command was last refused with a code, on the steady clock. */
  readonly #refusing = new Map<string, number>();
  readonly #refused: Record<string, number> = {};
  readonly #local: Record<string, number> = {};
  #connected = false;
  #everConnected = false;
  #error: string | undefined;
  #timeouts = 0;
  #state: RedisState = 'connecting';
  #reason: string | undefined;
  /** Reasons that were told since all was well: two that take turns are told once each. */
  readonly #told = new Set<string>();
  #lastTold: string | undefined;
  #since: number;
  #sinceSteady: number;
  #troubledSince: number;
  #closed = false;
  processes = 1;

  constructor(time: Time) {
    this.#time = time;
    this.#since = time.wall();
    this.#sinceSteady = time.steady();
    this.#troubledSince = this.#sinceSteady;
  }

  /** There is a connection. */
  connected(): void {
    this.#connected = true;
    this.#everConnected = true;
    this.#error = undefined;
    this.#check();
  }

  /** The connection is lost, or could not be made. */
  lost(code: string): void {
    this.#connected = false;
    if (this.#error === undefined || saysMore(this.#error, code)) this.#error = code;
    this.#check();
  }

  /** A user gets no replies, or gets them again. */
  silent(user: object, isSilent: boolean): void {
    if (isSilent) this.#silent.set(user, this.#time.steady());
    else this.#silent.delete(user);
    this.#check();
  }

  timedOut(): void {
    this.#timeouts++;
  }

  /** Redis has refused a command. */
  refused(code: string): void {
    this.#refused[code] = (this.#refused[code] ?? 0) + 1;
    this.#refusing.set(code, this.#time.steady());
    this.#check();
  }

  /** Redis has taken a write: what it refuses to all alike is over. */
  wrote(): void {
    for (const code of TO_ALL) this.#refusing.delete(code);
    this.#check();
  }

  /** A part went on without Redis. */
  decidedLocally(part: string): void {
    this.#local[part] = (this.#local[part] ?? 0) + 1;
  }

  /** Looks whether a silence lasts, and whether what was refused is over; to be called now and then. */
  look(): void {
    const now = this.#time.steady();
    for (const [code, at] of this.#refusing) if (now - at >= OVER_AFTER_MS) this.#refusing.delete(code);
    this.#check();
  }

  status(): RedisStatus {
    const reason = this.#reason;
    return {
      state: this.#state,
      reason,
      message: reason === undefined ? undefined : this.#messageOf(this.#state, reason),
      since: this.#since,
      timeouts: this.#timeouts,
      refused: { ...this.#refused },
      localDecisions: { ...this.#local },
      processes: this.processes,
    };
  }

  /** Tells nothing more: that it is closed is no news. */
  close(): void {
    this.#closed = true;
  }

  #check(): void {
    if (this.#closed) return;
    const [state, reason] = this.#current();
    this.#reason = reason;
    const before = this.#state;
    const news =
      reason !== undefined &&
      !this.#told.has(reason) &&
      (this.#lastTold === undefined || isNews(this.#lastTold, reason));
    if (state === this.#state && !news) return;
    const now = this.#time.steady();
    const afterMs = Math.round(now - this.#sinceSteady);
    if (state !== before) {
      this.#state = state;
      this.#since = this.#time.wall();
      this.#sinceSteady = now;
      if (before === 'up' || before === 'connecting') this.#troubledSince = now;
    }
    this.#lastTold = reason;
    if (reason === undefined) this.#told.clear();
    else this.#told.add(reason);
    // That it works from the start is no news.
    if (state === 'up' && before === 'connecting') return;
    this.events.emit('change', { state, reason, message: this.#messageOf(state, reason), afterMs });
  }

  #current(): [state: RedisState, reason: string | undefined] {
    if (!this.#connected) {
      const left = LEFT_FOR.find((code) => this.#refusing.has(code));
      if (left !== undefined && this.#error === 'CLOSED') return ['degraded', left];
      return this.#error === undefined && !this.#everConnected
        ? ['connecting', undefined]
        : ['down', this.#error ?? 'CLOSED'];
    }
    const silentSince = Math.min(...this.#silent.values());
    if (this.#time.steady() - silentSince >= SILENT_AFTER_MS) return ['down', 'TIMEOUT'];
    const [code] = this.#refusing.keys();
    return code === undefined ? ['up', undefined] : ['degraded', code];
  }

  #messageOf(state: RedisState, reason: string | undefined): string {
    if (reason === undefined) {
      const seconds = ((this.#time.steady() - this.#troubledSince) / 1000).toFixed(1);
      return `Redis is in use again after ${seconds} s`;
    }
    const effect =
      state === 'degraded'
        ? 'what it refuses is left out or kept in this process'
        : 'this process uses its own memory';
    return `Redis ${reasonText(reason)}: ${effect}`;
  }
}

/** How the connection to Redis is, for those who use the proxy. */
export interface RedisView {
  /** How it is now. */
  status(): RedisStatus;
  /** Adds a listener. */
  on<E extends keyof RedisEvents>(event: E, listener: (...args: RedisEvents[E]) => void): void;
  /** Removes a listener that `on()` has added. */
  off<E extends keyof RedisEvents>(event: E, listener: (...args: RedisEvents[E]) => void): void;
}

export function redisView(health: RedisHealth): RedisView {
  const { events } = health;
  return {
    status: () => health.status(),
    on: (event, listener) => events.on(event, listener),
    off: (event, listener) => events.off(event, listener),
  };
}
