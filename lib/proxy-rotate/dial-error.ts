import { ProxyError } from '../core/errors.js';
import { exhaustedHere } from '../core/exhausted-here.js';

/** A failure of an egress proxy while a connection through it was being opened. */
export class DialError extends ProxyError {
  /** In a few words, for status and events: `ECONNREFUSED`, `status 407`. */
  readonly reason: string;
  /**
   * `proxy`: it cannot be used at all. `target`: this target cannot be reached through it; a gateway error of the
   * proxy says nothing about other targets.
   */
  readonly concerns: 'proxy' | 'target';
  /** The proxy has said nothing about the target: whether it or the target kept it waiting, nobody knows. */
  readonly silent: boolean;

  constructor(reason: string, concerns: 'proxy' | 'target', cause?: unknown, silent = false) {
    super('ERR_PROXY_CONNECT', `The egress proxy could not be used: ${reason}`, { cause });
    this.reason = reason;
    this.concerns = concerns;
    this.silent = silent;
  }
}

/** The error for a proxy that was too slow. */
export function late(concerns: 'proxy' | 'target', silent: boolean): DialError {
  return new DialError('no connection in time', concerns, undefined, silent);
}
/** Reason where a proxy has hung up without a word. */
export const CLOSED = 'the connection closed';

const HANG_UPS: ReadonlySet<string> = new Set([CLOSED, 'Socket closed', 'ECONNRESET', 'EPIPE']);

/** Statuses that ask for other credentials; some proxies send 401. */
const LOGIN: ReadonlySet<number> = new Set([401, 407]);

/** The error for a proxy that responds to CONNECT with this status. */
export function refusedTunnel(status: number): DialError {
  if (!(status >= 100 && status <= 999)) return new DialError('an unreadable response', 'proxy');
  return new DialError(`status ${status}`, LOGIN.has(status) ? 'proxy' : 'target');
}

/**
 * The error for a proxy that works, and hangs up when it is to open a tunnel: some do so where a target cannot be reached.
 * @param failure what it would otherwise be
 */
export function hungUp(failure: Error): Error {
  if (!(failure instanceof DialError) || failure.concerns !== 'proxy' || !HANG_UPS.has(failure.reason))
    return failure;
  return new DialError(failure.reason, 'target', failure.cause, true);
}

/** The error for a proxy that cannot be reached; as it is where this process is to blame. */
export function unreachable(error: unknown): Error {
  if (error instanceof DialError) return error;
  if (error instanceof Error && exhaustedHere(error)) return error;
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return new DialError(typeof code === 'string' ? code : CLOSED, 'proxy', error);
}
