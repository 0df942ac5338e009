import type { ServerResponse } from 'node:http';
import type { ResponseHead } from '../core/attempt.js';
import { BodyPace } from '../core/body-pace.js';
import { headerValue } from '../http/headers.js';
import { isStreamType } from '../http/stream-types.js';
import type { Deadline, DeadlineWheel } from './deadline-wheel.js';
import type { Upload, UploadWait } from './request/body-rules.js';
import { SlowReader } from './response/slow-reader.js';
import type { TimeBudget } from './time-budget.js';
import type { Sending } from './transport.js';

/** What an attempt is at: each phase has a limit, an error and somebody to blame of its own. */
export type Phase = 'queue' | 'connect' | 'upload' | 'head' | 'body';

/** How long each phase may take, in milliseconds; `Infinity` is no limit. */
export interface PhaseLimits {
  /** The wait for a free connection; `undefined` is as long as the target may take. */
  readonly queueMs: number | undefined;
  /** `undefined` is {@link CONNECT_MS}, or as long as the target may take where that is less. */
  readonly connectMs: number | undefined;
  /** A pause of the client in its upload. */
  readonly uploadMs: number;
  /** Least bytes per second of the client in its upload; 0 is no limit. */
  readonly minBodyRate: number;
  /** A pause of the target in its body. */
  readonly bodyMs: number;
  /** The same in a stream of events or the like. */
  readonly streamIdleMs: number;
}

/** Limit for a connection where none is given. */
export const CONNECT_MS = 10_000;

/** So soon that any tick comes later. */
const NEXT_TICK_MS = 1;
const LOOKS = 50;
const LONGEST_LOOK_MS = 100;

/**
 * When to look at an upload again: it is found out late by a fiftieth of its limit, or by 100 ms where that is less.
 * @param limitMs of a pause
 */
export const lookAgainInMs = (limitMs: number): number => Math.min(limitMs / LOOKS, LONGEST_LOOK_MS);

/** What is told when the time of a phase is up. */
export interface ClockOwner {
  expired(phase: Phase): void;
}

/**
 * The clock of one attempt: one deadline, moved from phase to phase. What flows is looked at by the wheel's ticks alone,
 * so that no chunk costs a look at the time.
 */
export class AttemptClock implements Deadline {
  slot = -1;
  readonly #wheel: DeadlineWheel;
  readonly #limits: PhaseLimits;
  readonly #owner: ClockOwner;
  readonly #budget: TimeBudget;
  readonly #startedAt: number;
  /** Its transport is being asked: what it tells meanwhile happens at the begin, and costs no look at the time. */
  #starting = true;
  #phase: Phase = 'queue';
  /** When the phase began, or something moved in it. */
  #since: number;
  #dueAt: number;
  #moves = -1;
  #upload: Upload | undefined;
  #awaits: UploadWait = 'client';
  #uploadBeganAt = 0;
  #sentAt: number | undefined;
  /** Since when its client has read no interim responses. */
  #heldAt: number | undefined;
  #sending: Sending | undefined;
  #res: ServerResponse | undefined;
  #head: ResponseHead | undefined;
  /** The limit of the body; known once a tick has found that it is not there at once. */
  #bodyMs: number | undefined;
  #reader: SlowReader | undefined;

  constructor(
    wheel: DeadlineWheel,
    limits: PhaseLimits,
    budget: TimeBudget,
    startedAt: number,
    owner: ClockOwner,
  ) {
    this.#wheel = wheel;
    this.#limits = limits;
    this.#budget = budget;
    this.#owner = owner;
    this.#startedAt = startedAt;
    this.#since = startedAt;
    this.#dueAt = this.#until(startedAt, limits.queueMs ?? budget.requestMs);
    wheel.watch(this);
  }

  /** Of the wait for a connection and for the head, on the clock of `performance.now()`. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Milliseconds that the phase may take. */
  get limitMs(): number {
    return this.#dueAt - this.#since;
  }

  /** Who an upload waits for. */
  get awaits(): UploadWait {
    return this.#upload?.awaits ?? 'target';
  }

  /** When the target had all of the request, without the time that its client has held it up, on the clock of `performance.now()`. */
  get sentAt(): number | undefined {
    return this.#sentAt;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The body is one of those that may be quiet for long. */
  get isStream(): boolean {
    return this.#head !== undefined && isStreamType(headerValue(this.#head.rawHeaders, 'content-type'));
  }

  /** Its transport has been asked to send it. */
  started(sending: Sending): void {
    this.#starting = false;
    this.#sending = sending;
  }

  /** A connection is being opened for it: it waits for a free one no more. */
  connecting(): void {
    if (this.#phase !== 'queue') return;
    this.#phase = 'connect';
    const { connectMs = Math.min(CONNECT_MS, this.#budget.requestMs) } = this.#limits;
    this.#begin(connectMs);
  }

  /** There is a connection. @param upload `undefined` where all of the request goes out at once */
  connected(upload: Upload | undefined): void {
    if (this.#phase !== 'queue' && this.#phase !== 'connect') return;
    this.#upload = upload;
    if (!upload) return this.#awaitHead();
    this.#phase = 'upload';
    upload.pace?.pause();
    this.#uploadBeganAt = this.#now();
    this.#since = this.#uploadBeganAt;
    this.#wheel.moved(this);
  }

  /** The last byte of the request has gone out. */
  sent(): void {
    if (this.#phase !== 'upload') return;
    this.#budget.extend(this.#now() - this.#uploadBeganAt);
    this.#upload = undefined;
    this.#awaitHead();
  }

  /** The client reads no interim responses, and so the target is not read: until it does, the time is the client's. */
  hold(): void {
    this.#heldAt ??= this.#now();
  }

  release(): void {
    if (this.#heldAt === undefined) return;
    const now = this.#now();
    const ms = now - Math.max(this.#heldAt, this.#since);
    this.#heldAt = undefined;
    if (this.#phase === 'upload') this.#since = now;
    if (this.#phase !== 'head') return;
    this.#budget.extend(ms);
    this.#since += ms;
    this.#dueAt += ms;
    if (this.#sentAt !== undefined) this.#sentAt += ms;
  }

  /** The head has arrived: what follows is its body. */
  responding(head: ResponseHead, res: ServerResponse, now: number): void {
    this.release();
    this.#phase = 'body';
    this.#head = head;
    this.#res = res;
    this.#since = now;
    this.#moves = -1;
    this.#wheel.moved(this);
  }

  stop(): void {
    this.#wheel.forget(this);
  }

  /** Whether the client, who did not read for long, may be why a response broke off. */
  heldByClient(): boolean {
    return this.#reader?.isBlamed(performance.now()) ?? false;
  }

  dueInMs(now: number): number {
    if (this.#heldAt !== undefined) return NEXT_TICK_MS;
    if (this.#phase === 'upload') return this.#uploadDueInMs(now);
    if (this.#phase === 'body') return this.#bodyIsDue(now) ? 0 : NEXT_TICK_MS;
    return this.#dueAt - now;
  }

  expire(): void {
    this.#owner.expired(this.#phase);
  }

  #now(): number {
    return this.#starting ? this.#startedAt : performance.now();
  }

  #until(since: number, ms: number): number {
    return Math.min(since + ms, this.#budget.endsAt);
  }

  #begin(ms: number): void {
    this.#since = this.#now();
    this.#dueAt = this.#until(this.#since, ms);
    this.#wheel.moved(this);
  }

  #awaitHead(): void {
    this.#phase = 'head';
    this.#begin(this.#budget.requestMs);
    this.#sentAt = this.#since;
  }

  #uploadDueInMs(now: number): number {
    if (!this.#upload) return NEXT_TICK_MS;
    const { moves, awaits } = this.#upload;
    if (moves !== this.#moves || awaits !== this.#awaits) {
      this.#moves = moves;
      this.#awaits = awaits;
      this.#since = now;
    }
    if (this.#limits.minBodyRate > 0 && this.#isSlow(this.#upload, now)) return 0;
    const limitMs = this.#uploadLimitMs(awaits);
    return now - this.#since >= limitMs ? 0 : lookAgainInMs(Math.min(limitMs, this.#limits.uploadMs));
  }

  #isSlow(upload: Upload, now: number): boolean {
    const { minBodyRate, uploadMs } = this.#limits;
    upload.pace ??= new BodyPace(minBodyRate, uploadMs);
    const waits = upload.awaits === 'client';
    return upload.pace.leftMs(now, upload.bytes, waits) <= 0 && waits;
  }

  #uploadLimitMs(awaits: UploadWait): number {
    if (awaits === 'target') return this.#budget.requestMs;
    return awaits === 'copy' ? Number.POSITIVE_INFINITY : this.#limits.uploadMs;
  }

  #bodyIsDue(now: number): boolean {
    this.#reader ??= new SlowReader();
    if (this.#res && this.#reader.look(this.#res, now)) {
      this.#since = now;
      return false;
    }
    const received = this.#sending?.received ?? 0;
    if (received === Number.POSITIVE_INFINITY) return false;
    if (received !== this.#moves) {
      this.#moves = received;
      this.#since = now;
    }
    this.#bodyMs ??= this.isStream ? this.#limits.streamIdleMs : this.#limits.bodyMs;
    return now - this.#since >= this.#bodyMs;
  }
}
