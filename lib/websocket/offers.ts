import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:net';
import { announcesBody } from '../core/exchange.js';

const TAKES: unique symbol = Symbol('resilient-proxy-out.takes');

/** Whether an upgrade that a request offers is taken, rather than the request served as any other. */
type Takes = (req: IncomingMessage) => boolean;

interface Marked {
  [TAKES]?: Takes;
}

/** A server that can be told which offers it is to read on as plain requests: Node's, from 22.21, 24.9 and 25 on. */
interface Deciding {
  shouldUpgradeCallback?: Takes & Marked;
}

/** Marks an `upgrade` listener with what it takes, so that its server need not offer it anything else. */
export function taking<T extends (...args: never[]) => void>(listener: T, takes: Takes): T {
  return Object.assign(listener, { [TAKES]: takes });
}

/** What a listener takes; `undefined` for one that is not ours. */
export const takenBy = (listener: unknown): Takes | undefined => (listener as Marked)[TAKES];

/**
 * Has a server read on those requests with a body as plain ones whose offer none of its listeners takes, as `curl --http2` and
 * Java's client make with each first request (RFC 9110 §7.8). A server with listeners of others is left as it is.
 */
export function declineOthers(server: Server): void {
  const deciding: Deciding = server as object;
  const { shouldUpgradeCallback } = deciding;
  if (typeof shouldUpgradeCallback !== 'function' || takenBy(shouldUpgradeCallback)) return;
  const shouldUpgrade = (req: IncomingMessage): boolean => {
    if (!shouldUpgradeCallback.call(server as never, req)) return false;
    // Behind an offer that is declined here, Node loses what came with it: one without a body is declined afterwards.
    if (!announcesBody(req)) return true;
    const listeners = server.listeners('upgrade').map(takenBy);
    return listeners.some((takes) => takes === undefined || takes(req));
  };
  deciding.shouldUpgradeCallback = taking(shouldUpgrade, shouldUpgrade);
}
