import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkedMs } from '../core/checked-ms.js';
import type { EgressProxyStatus, ProxyListStatus } from '../core/egress-status.js';
import { Events } from '../core/events.js';
import type { Exchange } from '../core/exchange.js';
import { enterBy } from '../core/pipeline.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import type { UpgradeEgress } from '../websocket/upgrade.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import { type ProxyRotateOptions, resolveProxyRotate } from './proxy-rotate-options.js';
import { Rotation } from './rotation.js';
import { Route } from './route.js';

/** The middleware that {@link proxyRotate} returns. */
export interface ProxyRotateHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** State of the egress proxies, without credentials; with `on_rate_limit`, of the direct connection too. */
  status(): EgressProxyStatus[];
  /** State of the list in a file or at a URL that the proxies come from; `undefined` without one. */
  list(): ProxyListStatus | undefined;
  /**
   * Takes an egress proxy out of use for so long, or until `reset()`; then it is probed. The reason is `forced`.
   *
   * @param proxy its name, as in `status()`; `undefined` for all of them
   * @throws RangeError for a name that none of them has
   */
  forceCooldown(proxy: string | undefined, forMs: number): void;
  /** Forgets failures, cool-downs and what was counted; attempts in progress still count. Sticky sessions stay. */
  reset(): void;
  /**
   * Chooses the egress proxy of one WebSocket, since an upgrade does not run an application's middleware:
   * `forward.upgrade(req, socket, head, rotate.policy())`. `undefined` is a direct connection.
   */
  policy(): UpgradeEgress | undefined;
  /** Adds a listener. */
  on<E extends keyof ProxyRotateEvents>(event: E, listener: (...args: ProxyRotateEvents[E]) => void): void;
  /** Removes a listener that `on()` has added. */
  off<E extends keyof ProxyRotateEvents>(event: E, listener: (...args: ProxyRotateEvents[E]) => void): void;
  /**
   * Closes the connections through the proxies that Node's client keeps or that are being opened; later calls get
   * ERR_SHUTTING_DOWN.
   */
  close(): void;
}

/**
 * Sends each attempt of the `forward()` at the end of the chain through a forward proxy. A proxy that fails cools
 * down, and the attempt moves on to the next one at once. With none left the call is refused with 503 ERR_NO_PROXY;
 * it is sent directly only if `fallback` says so. In front of any other handler it does nothing.
 *
 * @param clock monotonic, in epoch milliseconds; for tests
 * @throws InvalidOptionError; it shows nothing of a proxy's URL
 */
export function proxyRotate(
  options: ProxyRotateOptions = {},
  clock: Clock = steadyClock,
): ProxyRotateHandler {
  return openRotation(options, clock).handler;
}

/** The same, with the rotation behind it. @param known the one that it comes in place of */
export function openRotation(
  options: ProxyRotateOptions,
  clock: Clock = steadyClock,
  known?: Rotation,
): { readonly handler: ProxyRotateHandler; readonly rotation: Rotation } {
  const resolved = resolveProxyRotate(options);
  const events = new Events<ProxyRotateEvents>();
  const rotation = new Rotation(resolved, events, clock, known);
  const { strategy } = resolved;

  function proxyRotate(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    enterBy(enter, req, res, next);
  }

  function enter(exchange: Exchange): undefined {
    if (strategy === 'never') return;
    const route = new Route(rotation);
    exchange.egress = route;
    // In front of the others: what a limit refuses has been chosen a way, which hears that it was not used.
    exchange.limits.unshift(route);
    if (rotation.wantsBody) exchange.readBodies(route);
  }
  const handler = Object.assign(proxyRotate, {
    enter,
    status: () => rotation.status(),
    list: () => rotation.list(),
    forceCooldown: (proxy: string | undefined, forMs: number) =>
      rotation.forceCooldown(proxy, checkedMs(forMs)),
    reset: () => rotation.reset(),
    policy: () => (strategy === 'never' ? undefined : new Route(rotation)),
    on: events.on.bind(events) as ProxyRotateHandler['on'],
    off: events.off.bind(events) as ProxyRotateHandler['off'],
    close: () => rotation.close(),
  });
  return { handler, rotation };
}
