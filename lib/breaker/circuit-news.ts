import type { ProxyError } from '../core/errors.js';
import type { BreakerEmitter } from './breaker-events.js';
import type { CircuitName } from './circuit-snapshot.js';
import type { CircuitState, HalfOpenState, OpenState, TransitionReason } from './circuit-state.js';
import { type FailureCauses, failuresText } from './failure-causes.js';
import { circuitError } from './refusal.js';
import type { TargetFailure } from './verdict.js';

/** Tells what happens to one circuit. */
export class CircuitNews {
  readonly #name: CircuitName;
  readonly #events: BreakerEmitter;

  constructor(name: CircuitName, events: BreakerEmitter) {
    this.#name = name;
    this.#events = events;
  }

  /** A call is refused. @returns its error */
  rejected(
    state: OpenState | HalfOpenState,
    lastFailure: string | undefined,
    retryAfterMs: number,
  ): ProxyError {
    if (this.#events.has('reject')) this.#events.emit('reject', { ...this.#name, retryAfterMs });
    return circuitError(this.#name.api, state, lastFailure, retryAfterMs);
  }

  failed({ failure, cause }: TargetFailure): void {
    if (this.#events.has('failure')) this.#events.emit('failure', { ...this.#name, because: failure, cause });
  }

  turned(next: CircuitState, { reason, openedWith, retryAfterMs, by }: Turn): void {
    const name = { ...this.#name };
    if (next.kind === 'CLOSED')
      this.#events.emit('close', { ...name, reason, ...(by !== undefined && { by }) });
    if (next.kind === 'HALF_OPEN') this.#events.emit('halfOpen', name);
    if (next.kind !== 'OPEN') return;
    const failureText = reason === 'forced' ? '' : failuresText(openedWith);
    const { failures, fleet } = next;
    const whose = fleet && { by: fleet.by };
    this.#events.emit('open', { ...name, reason, failures, failureText, retryAfterMs, ...whose });
  }
}

/** A change of state. */
interface Turn {
  readonly reason: TransitionReason;
  readonly openedWith: FailureCauses;
  readonly retryAfterMs: number;
  /** The process that has closed it for all. */
  readonly by: string | undefined;
}
