import type { AttemptFailure } from '../core/attempt.js';
import type { AttemptClock, Phase } from './attempt-clock.js';
import { connectFailure, proxyFailure, queueFailure, timeoutFailure, uploadFailure } from './failure.js';

/** What is known of an attempt whose time in a phase was up. */
export interface Lapse {
  readonly phase: Exclude<Phase, 'body'>;
  /** The limit of the phase. */
  readonly limitMs: number;
  /** The limit of the whole request. */
  readonly requestMs: number;
  /** Who was to go on. */
  readonly awaits: AttemptClock['awaits'];
  /** Who has left it so little time. */
  readonly by: 'self' | 'target';
  /** Its egress proxy had not made a connection. */
  readonly silentProxy: boolean;
}

/** The failure of such an attempt. */
export function lapseFailure({ phase, limitMs, requestMs, awaits, by, silentProxy }: Lapse): AttemptFailure {
  if (silentProxy) return { ...proxyFailure('The egress proxy made no connection in time'), unsent: true };
  if (phase === 'queue') return queueFailure(limitMs);
  if (phase === 'connect') return connectFailure(by);
  return phase === 'upload' ? uploadFailure(awaits, requestMs) : timeoutFailure(limitMs, by);
}

/** The error of a body whose next bytes are late. */
export const bodyStopped = (): Error =>
  Object.assign(new Error('The body stopped'), { code: 'UND_ERR_BODY_TIMEOUT' });
