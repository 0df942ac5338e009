import type { Flight } from './flight.js';
import type { Ticket } from './flights.js';
import type { ForwardReason } from './policy/lookup-decision.js';
import type { StoredVariant } from './store/entry.js';
import type { Asked } from './stored-response.js';

/** A stored answer that a call to the upstream is about. */
export interface Outdated {
  readonly variant: StoredVariant;
  /** The upstream is asked whether it changed. */
  readonly conditional: boolean;
  /** Until when it may stand in for an upstream that fails. */
  readonly usableOnErrorUntil: number;
}

/** A client's request as it came. */
export interface AskedCall extends Asked {
  readonly url: string;
}

/** What a call to the upstream is for. */
export interface FetchPlan {
  readonly asked: AskedCall;
  readonly key: string;
  /** What was stored for the key when the call began. */
  readonly known: readonly StoredVariant[];
  readonly outdated: Outdated | undefined;
  readonly reason: ForwardReason;
  /** The right to keep the answer, if its head allows it. */
  readonly ticket: Ticket | undefined;
  /** Where others may join in. */
  readonly flight: Flight | undefined;
  /** Runs the rest of the chain, which calls back with what it could not answer. */
  run(next: (error?: unknown) => void): void;
  /** The rest can be run once more. */
  readonly repeatable: boolean;
  /** Told when nothing more is to be learned from the call. */
  done(): void;
}
