import { ProxyError } from '../core/errors.js';

/** A failure that an exit is to blame for, found while a connection through it was opened. */
export class DialError extends ProxyError {
  /** In a few words, for status and events: `ECONNREFUSED`, `status 407`. */
  readonly reason: string;
  /**
   * Whether the exit cannot be used at all, or only that target not be reached through it: a gateway error
   * of the proxy says nothing about other targets.
   */
  readonly concerns: 'exit' | 'target';

  constructor(reason: string, concerns: 'exit' | 'target', cause?: unknown) {
    super('ERR_PROXY_CONNECT', `The egress proxy could not be used: ${reason}`, { cause });
    this.reason = reason;
    this.concerns = concerns;
  }
}

/** It wants other credentials; some proxies say so by 401. */
const LOGIN: ReadonlySet<number> = new Set([401, 407]);

/** What the proxy said in place of a tunnel. */
export function refusedTunnel(status: number): DialError {
  if (!(status >= 100 && status <= 999)) return new DialError('an unreadable answer', 'exit');
  return new DialError(`status ${status}`, LOGIN.has(status) ? 'exit' : 'target');
}

/** What kept the proxy from being reached. */
export function unreachable(error: unknown): DialError {
  if (error instanceof DialError) return error;
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return new DialError(typeof code === 'string' ? code : 'the connection closed', 'exit', error);
}
