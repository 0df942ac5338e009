import { steadyClock } from '../../core/steady-clock.js';
import type { FailureCauses } from '../failure-causes.js';
import type { CircuitScript } from './redis/scripts.js';

/** What one process has seen. */
interface Seen {
  readonly at: number;
  readonly failures: number;
  readonly total: number;
  readonly failed: number;
  readonly trippedAt: number | undefined;
  readonly causes: FailureCauses;
  readonly windowCauses: FailureCauses;
}

/** A state, as {@link readState} reads it from its text. */
interface Told {
  kind: 'OPEN' | 'CLOSED';
  by: string;
  reason: string;
  version: string;
  failures?: number;
  cause?: string;
  causes?: FailureCauses;
  last?: string;
  due?: number;
  reopened?: number;
  passed?: number;
}

interface Kept {
  state: Told | undefined;
  readonly reports: Map<string, Seen>;
  probe: { readonly id: string; readonly until: number } | undefined;
}

interface Report {
  readonly id: string;
  readonly by: string;
  readonly rules: {
    readonly failureThreshold: number;
    readonly failureRatio: number | false;
    readonly minimumRequests: number;
    readonly windowMs: number;
    readonly keptMs: number;
    readonly openForMs: number;
  };
  readonly last?: string;
  readonly failures: number;
  readonly total: number;
  readonly failed: number;
  readonly trip?: { readonly reason: string; readonly cause: string };
  readonly causes: FailureCauses;
  readonly windowCauses: FailureCauses;
}

type Args = readonly (string | number)[];

/** Clients may choose the keys of circuits. */
const MAX_CIRCUITS = 10_000;

/**
 * The circuits of the processes of one machine, in the memory of one of them. It does what the scripts do in Redis, but for
 * the quorum: processes of one machine have the same network, so what one of them sees holds for all.
 */
export class CircuitEngine {
  /** Least recently used first. */
  readonly #circuits = new Map<string, Kept>();
  readonly #turned: (key: string, now: number, text: string) => void;
  readonly #clock: () => number;
  #version = 0;

  /**
   * @param turned told of each state that is new, as the channel of Redis is
   * @param clock for tests
   */
  constructor(turned: (key: string, now: number, text: string) => void, clock: () => number = steadyClock) {
    this.#turned = turned;
    this.#clock = clock;
  }

  /** Runs a script. @returns the time, the state as text, and what else the script tells */
  run(script: CircuitScript, key: string, args: Args): [now: number, text: string, more: number] {
    const now = this.#clock();
    const circuit = this.#circuit(key);
    const more = this[script](circuit, now, args, key) ?? 0;
    return [now, circuit.state ? JSON.stringify(circuit.state) : '', more];
  }

  private read(): void {}

  private report(circuit: Kept, now: number, [text]: Args, key: string): void {
    if (circuit.state?.kind === 'OPEN') return;
    const own: Report = JSON.parse(String(text));
    const { id, by, rules, last, failures, total, failed, trip, causes, windowCauses } = own;
    if (failures === 0 && failed === 0 && !trip) return void circuit.reports.delete(id);
    const trippedAt = trip && (circuit.reports.get(id)?.trippedAt ?? now);
    circuit.reports.set(id, { at: now, failures, total, failed, trippedAt, causes, windowCauses });
    const opened = this.#verdict(circuit, own, now);
    if (!opened) return;
    const due = now + rules.openForMs;
    const more = { ...(last === undefined ? {} : { last }), due, reopened: 0, passed: 0 };
    this.#turn(circuit, key, now, { kind: 'OPEN', by, ...opened, ...more });
  }

  private force(circuit: Kept, now: number, [action, by, failures]: Args, key: string): void {
    const of = { by: String(by), reason: action === 'reset' ? 'reset' : 'forced' };
    if (action !== 'open') return this.#turn(circuit, key, now, { kind: 'CLOSED', ...of });
    const figures = { failures: Number(failures), cause: '', reopened: 0, passed: 0 };
    this.#turn(circuit, key, now, { kind: 'OPEN', ...of, ...figures });
  }

  private take(circuit: Kept, now: number, [id, lifetimeMs]: Args): number {
    const { state, probe } = circuit;
    if (state?.kind !== 'OPEN' || state.due === undefined || now < state.due) return 0;
    if (probe && probe.until > now && probe.id !== id) return -Math.max(1, probe.until - now);
    circuit.probe = { id: String(id), until: now + Number(lifetimeMs) };
    return 1;
  }

  private renew(circuit: Kept, now: number, [id, lifetimeMs]: Args): void {
    const { probe } = circuit;
    if (probe && probe.id === id) circuit.probe = { id: probe.id, until: now + Number(lifetimeMs) };
  }

  private release(circuit: Kept, _now: number, [id]: Args): void {
    if (circuit.probe?.id === id) circuit.probe = undefined;
  }

  private forget({ reports }: Kept, _now: number, [id]: Args): void {
    reports.delete(String(id));
  }

  private probed(circuit: Kept, now: number, args: Args, key: string): void {
    const [by, version, how, successThreshold, resetTimeoutMs, backoffFactor, maxResetTimeoutMs, last] = args;
    const { state } = circuit;
    if (state?.kind !== 'OPEN' || state.version !== version) return;
    const { reopened = 0, passed = 0 } = state;
    if (how === 'failed') {
      const openForMs = Number(resetTimeoutMs) * Number(backoffFactor) ** (reopened + 1);
      const due = now + Math.min(Number(maxResetTimeoutMs), openForMs);
      const more = { by: String(by), reason: 'probe failed', reopened: reopened + 1, passed: 0, due };
      this.#turn(circuit, key, now, { ...state, ...more, ...(last && { last: String(last) }) });
    } else if (how === 'closes' || passed + 1 >= Number(successThreshold))
      this.#turn(circuit, key, now, { kind: 'CLOSED', by: String(by), reason: 'probes succeeded' });
    else circuit.state = { ...state, passed: passed + 1 };
  }

  /** Nothing is lost here while a process is there to remember it. */
  private restore(): void {}

  #verdict({ reports }: Kept, { rules, trip, causes }: Report, now: number) {
    const inARow: Record<string, number> = {};
    const inWindow: Record<string, number> = {};
    let failing = 0;
    let failures = 0;
    let total = 0;
    let failed = 0;
    for (const [id, seen] of reports) {
      const ageMs = now - seen.at;
      if (ageMs > rules.keptMs) {
        reports.delete(id);
        continue;
      }
      if (seen.failures > 0) {
        failing++;
        addCauses(inARow, seen.causes);
      }
      failures += seen.failures;
      if (ageMs > rules.windowMs) continue;
      total += seen.total;
      failed += seen.failed;
      addCauses(inWindow, seen.windowCauses);
    }
    const row = { reason: 'failures in a row', failures, causes: inARow };
    if (trip?.reason === row.reason) return { ...row, cause: trip.cause };
    if (trip) return { reason: trip.reason, failures, causes, cause: trip.cause };
    if (failures >= rules.failureThreshold) return { ...row, cause: after(`${failures} failures`, failing) };
    const { failureRatio, minimumRequests } = rules;
    if (failureRatio === false || total < minimumRequests || failed < total * failureRatio) return undefined;
    const cause = after(`${failed} of ${total} attempts failed`, reports.size);
    return { reason: 'failure ratio', failures: failed, causes: inWindow, cause };
  }

  #turn(circuit: Kept, key: string, now: number, state: Omit<Told, 'version'>): void {
    circuit.state = { ...state, version: String(++this.#version) };
    circuit.reports.clear();
    circuit.probe = undefined;
    this.#turned(key, now, JSON.stringify(circuit.state));
  }

  #circuit(key: string): Kept {
    const known = this.#circuits.get(key) ?? { state: undefined, reports: new Map(), probe: undefined };
    this.#circuits.delete(key);
    this.#circuits.set(key, known);
    if (this.#circuits.size > MAX_CIRCUITS) this.#makeRoom();
    return known;
  }

  /** Open circuits are forgotten last, for they protect a target. */
  #makeRoom(): void {
    let oldest: string | undefined;
    for (const [key, { state }] of this.#circuits) {
      oldest ??= key;
      if (state?.kind === 'OPEN') continue;
      oldest = key;
      break;
    }
    if (oldest !== undefined) this.#circuits.delete(oldest);
  }
}

const after = (what: string, processes: number): string =>
  processes > 1 ? `after ${what} in ${processes} processes` : `after ${what}`;

function addCauses(sum: Record<string, number>, causes: FailureCauses): void {
  for (const [cause, times] of Object.entries(causes)) sum[cause] = (sum[cause] ?? 0) + times;
}
