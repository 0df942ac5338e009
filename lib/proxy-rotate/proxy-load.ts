import type { AttemptEnd } from '../core/attempt.js';
import type { Clock } from '../core/steady-clock.js';
import type { ResolvedProxy } from './named-proxy.js';
import { type RequestWindow, resumedWindow } from './request-window.js';

/** What a proxy, one session of it, or all its sessions together have to do, and how much they may have. */
export class ProxyLoad {
  attempts = 0;
  /** Attempts in progress, and WebSockets that are open. */
  active = 0;
  /** Attempts at a time. */
  readonly most: number;
  /** The last requests, where their number is limited. */
  window: RequestWindow | undefined;
  /** That of all sessions of the proxy, where this is one. */
  readonly #all: ProxyLoad | undefined;
  /** The same after an update of the options: it counts what is still done by this one, and says how much that may be. */
  #next: ProxyLoad | undefined;

  constructor(most = Number.POSITIVE_INFINITY, window?: RequestWindow, all?: ProxyLoad) {
    this.most = most;
    this.window = window;
    this.#all = all;
  }

  /** Whether it has as many attempts as it may have, in progress or in its window. */
  isFull(now: number): boolean {
    if (this.#next) return this.#next.isFull(now);
    if (this.active >= this.most || (this.window && this.window.allowedAt > now)) return true;
    return this.#all?.isFull(now) ?? false;
  }

  /** There is room for one more, where there was none before the last one ended. */
  get hasRoomAgain(): boolean {
    return this.active === this.most - 1 || (this.#all?.hasRoomAgain ?? false);
  }

  /** Counts what the same has counted under other options, and what is still to come there. */
  follow(known: ProxyLoad): void {
    this.attempts = known.attempts;
    this.active = known.active;
    if (this.#all && known.#all) this.#all.active = known.#all.active;
    this.window = resumedWindow(this.window, known.window);
    known.#next = this;
  }

  /** Forgets all attempts but those in progress. */
  reset(): void {
    this.attempts = this.active;
    this.window?.reset();
  }

  /** An attempt has been given this way. */
  begins(clock: Clock): void {
    if (!this.#next) this.window?.sent(clock());
    this.attempts++;
    this.active++;
    this.#all?.begins(clock);
    this.#next?.begins(clock);
  }

  /** @param sent whether the attempt has got as far as to be sent */
  ends(sent: boolean): void {
    if (!sent) this.attempts--;
    this.active--;
    this.left();
    this.#all?.ends(sent);
    this.#next?.ends(sent);
  }

  /** A WebSocket was opened through it, or has closed. */
  carries(change: 1 | -1): void {
    this.active += change;
    if (change < 0) this.left();
    this.#all?.carries(change);
    this.#next?.carries(change);
  }

  /** One has ended. */
  protected left(): void {}
}

/** Attempts at a time: the limit of a proxy with sessions is for all of them together, that of the rotation for each. */
export function mostAttempts(
  { maxConcurrency, session }: ResolvedProxy,
  rotation: { readonly maxConcurrency?: number | undefined },
  isSession: boolean,
): number | undefined {
  if (isSession) return rotation.maxConcurrency;
  return session ? maxConcurrency : (maxConcurrency ?? rotation.maxConcurrency);
}

/** Whether an attempt has got as far as to be sent. */
export function wasSent(end: AttemptEnd | undefined, sentAt: number | undefined): boolean {
  if (end?.kind === 'failure') return !end.unsent;
  return end?.kind === 'complete' || end?.kind === 'discarded' || sentAt !== undefined;
}
