import type { LimitStatus } from '../../core/egress-status.js';
import type { AdvertisedLimits, LimitNews } from '../../http/advertised-limits.js';
import type { Refusal } from '../refusal.js';
import type { Blocked } from '../waiting-line.js';
import { Account, EVERYTHING, type Target } from './account.js';
import { Directory } from './directory.js';
import { DEFAULT, type Gate, type GateSite, type Passage } from './gate.js';
import { Gates, type SharedBy } from './gates.js';
import { UNCOUNTED } from './local-gate.js';

/** A call that was let through all limits that it draws on. The first is that of everything. */
export interface Pass {
  readonly account: string;
  readonly gates: readonly Gate[];
  readonly passages: readonly Passage[];
}

/** The limits that some calls draw on together. The first is that of everything. */
export interface Draw {
  readonly account: string;
  readonly gates: readonly Gate[];
  /** The last pass: one serves all calls that are counted alike. */
  last: Pass | undefined;
  /** How many gates had been forgotten when it was made. */
  readonly forgotten: number;
}

/** A call, as far as its limits depend on it. */
export interface Caller extends Target {
  /** Digest of its credential. */
  readonly credential: string;
}

/** The limits that an API has advertised, by their names, for each credential and egress proxy. */
export class LimitBook {
  readonly #api: string;
  readonly #site: GateSite;
  readonly #max: number;
  #gates: Gates;
  readonly #shared: SharedBy | undefined;
  readonly #directory: Directory | undefined;
  /** Those of which something is known. */
  readonly #accounts = new Map<string, Account>();
  /** By the limit of everything where there is no other, else by the list of the others' names. */
  #draws = new WeakMap<Gate | readonly string[], Draw>();

  constructor(api: string, max: number, site: GateSite, shared: SharedBy | undefined) {
    this.#api = api;
    this.#site = site;
    this.#max = max;
    this.#gates = new Gates(api, max, site, shared);
    this.#shared = shared;
    if (shared) this.#directory = new Directory(shared.cells, site.clock, 2 * site.maxPauseMs, max);
  }

  /** Reads what other processes know of an account. @returns a promise if there is something to wait for */
  load({ credential }: Caller, proxy: string | undefined): Promise<void> | undefined {
    if (!this.#directory || !this.#shared) return undefined;
    return this.#directory.read(this.#shared.keys.account(credential, proxy), (facts) => {
      const key = keyOf(credential, proxy);
      for (const fact of facts) (this.#accounts.get(key) ?? this.#open(key)).learnFacts([fact]);
    });
  }

  /** The limits that a call draws on, as far as is known. */
  draw(caller: Caller, proxy: string | undefined): Draw {
    const { credential } = caller;
    const account = keyOf(credential, proxy);
    const names = this.#accounts.get(account)?.names(caller);
    const { forgotten } = this.#gates;
    if (!names || names.length === 0) {
      const main = this.#gates.get(credential, proxy);
      return (
        this.#draws.get(main) ?? this.#opened(main, { account, gates: [main], last: undefined, forgotten })
      );
    }
    const known = this.#draws.get(names);
    if (known && known.forgotten === forgotten && known.account === account && !this.#gates.isScarce)
      return known;
    const gates = [this.#gates.get(credential, proxy)];
    for (const name of names) gates.push(this.#gates.get(credential, proxy, name));
    return this.#opened(names, { account, gates, last: undefined, forgotten });
  }

  /** The time, where one of the limits depends on it. */
  now({ gates }: Draw): number | undefined {
    for (const gate of gates) if (gate.knows) return this.#site.clock();
    return undefined;
  }

  /** Why a call may not go, as far as this process knows; `undefined` if it may. */
  refusal({ gates }: Draw, now: number | undefined): Blocked | undefined {
    let longest: Blocked | undefined;
    for (const gate of gates) {
      const refusal = gate.refusal(now);
      if (refusal && !(longest && longest.refusal.waitMs >= refusal.waitMs))
        longest = blockedBy(gate, refusal);
    }
    return longest;
  }

  /** Lets a call through, or says what stops it. */
  take(draw: Draw, now?: number): Pass | Blocked | Promise<Pass | Blocked> {
    const { account, gates, last } = draw;
    // Not made as long as it would be the same as the last one's.
    let passages: Passage[] | undefined = last ? undefined : [];
    for (let at = 0; at < gates.length; at++) {
      const taken = (gates[at] as Gate).take(now);
      if (!passages && taken === last?.passages[at]) continue;
      passages ??= last?.passages.slice(0, at) ?? [];
      if (taken instanceof Promise || 'by' in taken) return this.#takeOn(draw, passages, taken);
      passages.push(taken);
    }
    if (last && !passages) return last;
    draw.last = { account, gates, passages: passages ?? [] };
    return draw.last;
  }

  giveBack({ gates, passages }: Pass): void {
    for (const [at, gate] of gates.entries()) gate.giveBack(passages[at] ?? UNCOUNTED);
  }

  lose({ gates, passages }: Pass): void {
    for (const [at, gate] of gates.entries()) gate.lose(passages[at] ?? UNCOUNTED);
  }

  /** Counts a response that need not be read: see {@link Gate.hasPlenty}. @returns whether that is enough */
  settleUnread({ account, gates, passages }: Pass, caller: Caller, status: number): boolean {
    if (status >= 400 || !this.#accounts.get(account)?.hasHeard(caller)) return false;
    const now = this.#site.clock();
    let plenty = 0;
    for (let at = 0; at < gates.length; at++) {
      const gate = gates[at] as Gate;
      if (gate.hasPlenty(now)) plenty++;
      // Nothing is known of all calls together where limits have names.
      else if (gate.knows || at > 0) return false;
    }
    if (plenty === 0) return false;
    for (let at = 0; at < gates.length; at++) gates[at]?.settle(passages[at] ?? UNCOUNTED, undefined, now);
    return true;
  }

  /** Learns from a response. */
  settle(
    pass: Pass,
    caller: Caller,
    proxy: string | undefined,
    status: number,
    advertised: AdvertisedLimits | undefined,
  ): void {
    const { gates, passages } = pass;
    const known = this.#accounts.get(pass.account);
    if (!advertised) {
      const none = known && status < 400 ? known.learnNone(caller) : false;
      if (known) this.#publish(known, caller, proxy);
      for (const [at, gate] of gates.entries()) {
        const passage = passages[at] ?? UNCOUNTED;
        if (none && at > 0) gate.giveBack(passage);
        else gate.settle(passage, undefined);
      }
      return;
    }
    const account = known ?? this.#open(pass.account);
    const flight = gates.reduce((most, gate) => Math.max(most, gate.flight), 0);
    const gateOf = (name: string) => this.#gates.known(caller.credential, proxy, name);
    const news = account.learn(caller, advertised, this.#site.clock(), flight, gateOf);
    this.#publish(account, caller, proxy);
    const rest = new Map<Gate, LimitNews>();
    for (const [name, its] of news) rest.set(this.#gates.get(caller.credential, proxy, name), its);
    for (const [at, gate] of gates.entries()) {
      const passage = passages[at] ?? UNCOUNTED;
      const its = rest.get(gate);
      rest.delete(gate);
      // A response that tells of other limits takes nothing from those that it does not tell of.
      if (its || !gate.advertises) gate.settle(passage, its);
      else gate.giveBack(passage);
    }
    for (const [gate, its] of rest) gate.settle(UNCOUNTED, its);
  }

  /** When calls of this kind are allowed again, in epoch milliseconds; 0 is now. */
  readyAt(caller: Caller, proxy: string | undefined): number {
    const { credential } = caller;
    const names = this.#accounts.get(keyOf(credential, proxy))?.names(caller) ?? [];
    let readyAt = 0;
    for (const name of [EVERYTHING, ...names])
      readyAt = Math.max(readyAt, this.#gates.known(credential, proxy, name)?.readyAt() ?? 0);
    return readyAt;
  }

  /** All limits of which something is known. */
  status(queuedAt: (gate: Gate) => number): LimitStatus[] {
    return this.#gates.status(queuedAt);
  }

  /** Comes in the place of another, whose calls in progress go on to teach it. What others share is known from them. */
  resume(known: LimitBook): void {
    if (this.#shared || known.#shared) return;
    known.#site.events = this.#site.events;
    this.#gates.resume(known.#gates);
    for (const [key, account] of known.#accounts) this.#accounts.set(key, account);
  }

  /** Forgets all limits. Calls in progress give back what they have taken of them. */
  reset(): void {
    this.#gates = new Gates(this.#api, this.#max, this.#site, this.#shared);
    this.#accounts.clear();
    this.#draws = new WeakMap();
  }

  #opened(key: Gate | readonly string[], draw: Draw): Draw {
    this.#draws.set(key, draw);
    return draw;
  }

  /** From one limit to the next: those that are taken are given back when one refuses. */
  #takeOn(
    draw: Draw,
    passages: Passage[],
    taken: ReturnType<Gate['take']>,
  ): Pass | Blocked | Promise<Pass | Blocked> {
    if (taken instanceof Promise) return taken.then((late) => this.#takeOn(draw, passages, late));
    const { account, gates } = draw;
    const at = passages.length;
    if ('by' in taken) {
      this.giveBack({ account, gates: gates.slice(0, at), passages });
      return blockedBy(gates[at] as Gate, taken);
    }
    passages.push(taken);
    const next = gates[at + 1];
    return next ? this.#takeOn(draw, passages, next.take()) : { account, gates, passages };
  }

  #publish(account: Account, { credential }: Caller, proxy: string | undefined): void {
    const facts = account.takeFacts();
    if (facts && this.#shared) this.#directory?.write(this.#shared.keys.account(credential, proxy), facts);
  }

  #open(key: string): Account {
    if (this.#accounts.size >= this.#max) {
      const [oldest] = this.#accounts.keys();
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    const account = new Account();
    this.#accounts.set(key, account);
    return account;
  }
}

/** What stops a call, with the name of the limit: the API's own, or its path, of which the root says nothing. */
function blockedBy(gate: Gate, refusal: Refusal): Blocked {
  const { name } = gate.status(0);
  return { lane: gate, refusal: name === DEFAULT || name === '/' ? refusal : { ...refusal, name } };
}

/** A digest contains no space, so keys are unique. */
const keyOf = (credential: string, proxy: string | undefined) =>
  proxy === undefined ? credential : `${credential} ${proxy}`;
