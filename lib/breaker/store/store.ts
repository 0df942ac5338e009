import type { CircuitConfig, CircuitName } from '../circuit-snapshot.js';
import type { TransitionReason } from '../circuit-state.js';
import type { FailureCauses } from '../failure-causes.js';

/** What all processes know of a circuit. */
export interface SharedState {
  /** Another with each change. */
  readonly version: string;
  readonly kind: 'OPEN' | 'CLOSED';
  /** The process whose report, probe or operator has changed it last. */
  readonly by: string;
  readonly reason: TransitionReason;
  /** Failures that it opened with. */
  readonly failures: number;
  /** Why it opened, for messages: `after 5 failures`. */
  readonly cause: string;
  readonly causes: FailureCauses;
  /** The last of these failures. */
  readonly lastFailure: string | undefined;
  /** Milliseconds until probes may go through; `Infinity` if it was forced open. */
  readonly dueInMs: number;
  /** How often it has opened again since it was closed. */
  readonly reopened: number;
  /** Probes that have succeeded since it was due. */
  readonly passed: number;
}

/** Why a process has opened its own circuit. */
export interface OwnTrip {
  readonly reason: TransitionReason;
  readonly cause: string;
}

/** What one process has seen of its own calls. */
export interface CircuitReport {
  /** Failed attempts in a row. */
  readonly failures: number;
  /** Attempts in its window. */
  readonly total: number;
  readonly failed: number;
  /** `undefined` while its own circuit is closed. */
  readonly trip: OwnTrip | undefined;
  /** Of the failures in a row, or of those that it has opened with. */
  readonly causes: FailureCauses;
  /** Of those in its window. */
  readonly windowCauses: FailureCauses;
  readonly lastFailure: string | undefined;
}

/** A circuit of this process, as its store sees it. */
export interface CircuitMember {
  readonly name: CircuitName;
  /** Digest of what its calls go to: a circuit says nothing about another target. */
  readonly target: string;
  readonly config: CircuitConfig;
  /** `undefined` where its state is that of all processes already. */
  report(): CircuitReport | undefined;
  /** The state of all processes has changed. */
  adopt(state: SharedState): void;
}

/** How a probe of this process has ended. */
export interface ProbeResult {
  readonly ok: boolean;
  /** Enough have succeeded for this process to close its circuit. */
  readonly closes: boolean;
  readonly lastFailure: string | undefined;
}

/** What an operator can do to a circuit. */
export type ForcedAction = 'open' | 'close' | 'reset';

/** The connection of one circuit of this process with those of the same name in others. Nothing here throws or rejects. */
export interface CircuitShare {
  /** Name of this process, as others see it. */
  readonly process: string;
  /** Whether the store is in use at the moment. Where not, the process is on its own. */
  readonly connected: boolean;
  /** There is news for others: the store reads the report when it sends it. */
  changed(): void;
  /** Whether another process has the right to probe, as far as is known. */
  readonly isTaken: boolean;
  /**
   * Asks for the right to probe, which one process has at a time. It is granted without the store.
   * @returns how many probes have succeeded so far; `undefined` where another process probes
   */
  take(): Promise<number | undefined>;
  /** Tells the others how a probe has ended. */
  probed(result: ProbeResult): void;
  /** Gives the right back. */
  release(): void;
  /** Does it for all processes, also those that start later. */
  force(action: ForcedAction): void;
  /** Ends it; the others go on. */
  leave(): void;
}

/** Joins a circuit; the rest of the member is known. */
export type JoinCircuit = (member: Pick<CircuitMember, 'name' | 'report' | 'adopt'>) => CircuitShare;

/** Lets the circuits of several processes open and close together. */
export interface CircuitStore {
  /** Joins a circuit, and soon tells it the state of the others. */
  join(member: CircuitMember): CircuitShare;
  /** Ends all shares and connections of its own. */
  close(): Promise<void>;
}
