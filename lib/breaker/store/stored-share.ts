import type { RedisLink } from '../../redis/link.js';
import { type CircuitKeys, circuitKeys } from './redis/keys.js';
import type { CircuitScript } from './redis/scripts.js';
import { readState, writeState } from './redis/state-text.js';
import type {
  CircuitMember,
  CircuitShare,
  ForcedAction,
  OwnTrip,
  ProbeResult,
  SharedState,
} from './store.js';

/** What the circuits of one store have in common. */
export interface ShareSite {
  readonly link: Pick<RedisLink, 'usable' | 'lookUp' | 'insist'>;
  /** Runs a script where the state is kept: in Redis, or in another process of this machine. */
  run(script: CircuitScript, keys: CircuitKeys, args: readonly (string | number)[]): Promise<unknown>;
  readonly prefix: string;
  /** Of this store, among all. */
  readonly id: string;
  /** Name of the process, for people. */
  readonly process: string;
  left(share: StoredCircuitShare): void;
}

/** How long the right to probe lasts if nobody renews it, as where its process has ended. */
const LEASE_MS = 1000;
const RENEW_MS = 250;
/** A call that finds the right taken is refused; others ask again only after this time. */
const ASK_AGAIN_MS = 200;

/** One circuit of this process, whose state is kept for all: in Redis, or in the primary of the machine. */
export class StoredCircuitShare implements CircuitShare {
  readonly process: string;
  readonly keys: CircuitKeys;
  readonly #member: CircuitMember;
  readonly #site: ShareSite;
  /** The newest state that was seen. */
  #known: { readonly state: SharedState; readonly seenAt: number } | undefined;
  /** Probes of this process that have succeeded since: the store may be gone, or know of the state no more. */
  #passed = 0;
  #dirty = false;
  #sending = false;
  /** The store knows of a report of this process. */
  #reported = false;
  #asking: Promise<number | undefined> | undefined;
  /** There is a new connection, perhaps to another Redis: its versions may be lower. */
  #another = false;
  #takenUntil = 0;
  #renewal: NodeJS.Timeout | undefined;
  /** What the store is to be told when it is back. */
  #owed: (() => Promise<unknown>) | undefined;
  #left = false;

  constructor(member: CircuitMember, site: ShareSite) {
    this.#member = member;
    this.#site = site;
    this.process = site.process;
    this.keys = circuitKeys(site.prefix, member.name.circuit, member.target);
    void this.read();
  }

  get connected(): boolean {
    return this.#site.link.usable;
  }

  get isTaken(): boolean {
    return performance.now() < this.#takenUntil;
  }

  // In the next tick: a circuit that opens changes several times at once.
  changed(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    if (!this.#sending) queueMicrotask(() => void this.#sendReports());
  }

  take(): Promise<number | undefined> {
    this.#asking ??= this.#take().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  probed({ ok, closes, lastFailure }: ProbeResult): void {
    const version = this.#known?.state.version ?? '';
    const { successThreshold, resetTimeoutMs, backoffFactor, maxResetTimeoutMs } = this.#member.config;
    const how = ok ? (closes ? 'closes' : 'ok') : 'failed';
    const args = [this.process, version, how, successThreshold, resetTimeoutMs, backoffFactor];
    const send = () => this.#run('probed', [...args, maxResetTimeoutMs, lastFailure ?? '']);
    this.#passed = how === 'ok' ? this.#passed + 1 : 0;
    if (how !== 'ok') this.#endRenewal();
    if (this.connected) void send().then((told) => told || !closes || this.#owe(send));
    else if (closes) this.#owe(send);
  }

  release(): void {
    if (!this.#endRenewal()) return;
    this.#site.link.insist(() => this.#eval('release', [this.#site.id]));
  }

  force(action: ForcedAction): void {
    this.#endRenewal();
    const { failures = 0 } = this.#member.report() ?? {};
    const send = () => this.#run('force', [action, this.process, failures]);
    this.#owed = undefined;
    if (!this.connected) return this.#owe(send);
    void send().then((told) => told || this.#owe(send));
  }

  leave(): void {
    this.release();
    if (this.#reported) this.#site.link.insist(() => this.#eval('forget', [this.#site.id]));
    this.#left = true;
    this.#owed = undefined;
    this.#site.left(this);
  }

  /** The store is in use again, or messages may have been missed. */
  async recover(): Promise<void> {
    this.#another = true;
    const owed = this.#owed;
    this.#owed = undefined;
    await owed?.();
    await this.read();
    if (this.#reported || this.#member.report()?.trip) this.changed();
  }

  /** Asks for the state of all processes; one that the store has lost is told to it. */
  async read(): Promise<void> {
    if (!this.connected) return;
    const known = this.#known;
    const reply = await this.#reply('read', []);
    if (reply?.text !== '' || !known || known !== this.#known) return;
    const { state, seenAt } = known;
    if (state.kind !== 'OPEN') return;
    const forced = state.dueInMs === Number.POSITIVE_INFINITY;
    const left = Math.max(0, Math.round(state.dueInMs - (performance.now() - seenAt)));
    await this.#run('restore', [writeState(state), forced ? '' : left]);
  }

  /** Another process has changed the state, or this one has. */
  hear(state: SharedState): void {
    const before = this.#known?.state;
    if (this.#left || state.version === before?.version) return;
    if (before && !this.#another && Number(state.version) < Number(before.version)) return;
    this.#another = false;
    this.#known = { state, seenAt: performance.now() };
    this.#passed = 0;
    this.#takenUntil = 0;
    this.#reported = false;
    this.#endRenewal();
    // That it is closed is no news to a circuit which has just begun.
    if (before || state.kind === 'OPEN' || this.#member.report()?.trip) this.#member.adopt(state);
  }

  async #sendReports(): Promise<void> {
    this.#sending = true;
    while (this.#dirty) {
      this.#dirty = false;
      const report = this.#left ? undefined : this.#member.report();
      // A success is told only where a failure was.
      if (report && (report.failures > 0 || report.trip || this.#reported)) await this.#send(report);
    }
    this.#sending = false;
  }

  async #send({
    lastFailure,
    ...seen
  }: {
    lastFailure: string | undefined;
    failures: number;
    trip: OwnTrip | undefined;
  }): Promise<void> {
    this.#reported = seen.failures > 0 || seen.trip !== undefined;
    const { config } = this.#member;
    const { failureThreshold, quorum, failureRatio, minimumRequests, windowMs, resetTimeoutMs } = config;
    const keptMs = 2 * Math.max(windowMs, resetTimeoutMs);
    const rules = {
      failureThreshold,
      quorum,
      failureRatio,
      minimumRequests,
      windowMs,
      keptMs,
      openForMs: resetTimeoutMs,
    };
    const report = { id: this.#site.id, by: this.process, rules, last: lastFailure, ...seen };
    await this.#run('report', [JSON.stringify(report)]);
  }

  async #take(): Promise<number | undefined> {
    const { id, link } = this.#site;
    const version = this.#known?.state.version;
    const reply = await this.#reply('take', [id, LEASE_MS]);
    const passed = (this.#known?.state.passed ?? 0) + this.#passed;
    // Without the store each process finds out by itself.
    if (!reply) return passed;
    if (this.#known?.state.version !== version) return undefined;
    const state = readState(reply.text, reply.now);
    // The store knows of it no more, as Redis after a long time without calls.
    if (state?.kind !== 'OPEN') return passed;
    if (reply.more !== 1) {
      // By the clock of the store it may be due a little later than by that of this process.
      const againMs = reply.more < 0 ? -reply.more : state.dueInMs;
      this.#takenUntil = performance.now() + Math.min(againMs, ASK_AGAIN_MS);
      return undefined;
    }
    const until = performance.now() + this.#member.config.probeTimeoutMs;
    this.#endRenewal();
    this.#renewal = setInterval(() => {
      if (performance.now() > until) this.#endRenewal();
      else link.insist(() => this.#eval('renew', [id, LEASE_MS]));
    }, RENEW_MS).unref();
    return state.passed;
  }

  #endRenewal(): boolean {
    const held = this.#renewal !== undefined;
    clearInterval(this.#renewal);
    this.#renewal = undefined;
    return held;
  }

  #owe(send: () => Promise<unknown>): void {
    if (!this.#left) this.#owed = send;
  }

  /** @returns whether the store has replied */
  async #run(script: CircuitScript, args: readonly (string | number)[]): Promise<boolean> {
    return (await this.#reply(script, args)) !== undefined;
  }

  async #reply(script: CircuitScript, args: readonly (string | number)[]) {
    const reply = await this.#site.link.lookUp(this.keys.state, () => this.#eval(script, args));
    if (!reply.ok || !Array.isArray(reply.value)) return undefined;
    const [now, text, more] = reply.value;
    const state = readState(String(text), Number(now));
    if (state) this.hear(state);
    return { now: Number(now), text: String(text), more: Number(more) };
  }

  #eval(script: CircuitScript, args: readonly (string | number)[]): Promise<unknown> {
    return this.#site.run(script, this.keys, args);
  }
}
