import type { DialError } from './dial-error.js';
import type { EgressProxy } from './egress-proxy.js';

/** A failure on the way to a target that is either the proxy's or the target's. */
export interface Suspicion {
  readonly reason: string;
  readonly beganAt: number;
  /** Of the cool-down that has begun; `undefined` if none has. */
  readonly cooldownMs: number | undefined;
  /** The proxy has said nothing. */
  readonly silent: boolean;
  /** It was taken for the proxy's meanwhile, and told. */
  readonly told: boolean;
}

/** Proxies that could not reach a target while nobody knows yet whether another can. */
export type Suspects = Map<EgressProxy, Suspicion>;

/**
 * Whether it is the target that fails: what a proxy says of it is believed until another one reaches it, but that one
 * of them is silent may be its own fault.
 */
export function isTargets(suspects: Suspects): boolean {
  if (suspects.size > 1) return true;
  for (const { silent } of suspects.values()) return !silent;
  return false;
}

/**
 * The error of a target that no proxy can reach, in the form in which a direct connection would have failed.
 * @param failure what the last of them has failed with
 */
export function targetError(failure: DialError): Error {
  if (failure.cause instanceof Error && !failure.silent) return failure.cause;
  const message = `No egress proxy that was tried can reach the target: ${failure.reason}`;
  const code = LATE.has(failure.reason) ? 'ETIMEDOUT' : 'EHOSTUNREACH';
  return Object.assign(new Error(message, { cause: failure }), { code });
}

/**
 * Whether the proxy has refused by its own rules, credit or limits, or is none: that is no failure of the target, although
 * another proxy may well take the call.
 */
export const isRefusal = ({ reason }: DialError): boolean =>
  /^(?:status (?:3|40[1235]|429|501)|SOCKS: (?:NotAllowed|Rejected))/.test(reason);

const LATE: ReadonlySet<string> = new Set(['no connection in time', 'status 504', 'status 408']);
