import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EgressProxyStatus } from '../core/egress-status.js';
import { Events } from '../core/events.js';
import { exchangeOf } from '../core/exchange.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import type { UpgradeEgress } from '../websocket/upgrade.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import { type ProxyRotateOptions, resolveProxyRotate } from './proxy-rotate-options.js';
import { Rotation } from './rotation.js';
import { Route } from './route.js';

/** The middleware that {@link proxyRotate} returns. */
export interface ProxyRotateHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** How the exits are, without credentials; with `on_rate_limit` the direct way too. */
  status(): EgressProxyStatus[];
  /**
   * The way of one WebSocket, which no middleware sees that an application mounts: `forward.upgrade(req, socket, head,
   * rotate.policy())`. `undefined` is direct.
   */
  policy(): UpgradeEgress | undefined;
  /** Calls back at each such event, until `off()` with the same function. */
  on<E extends keyof ProxyRotateEvents>(event: E, listener: (...args: ProxyRotateEvents[E]) => void): void;
  /** Ends what `on()` began. */
  off<E extends keyof ProxyRotateEvents>(event: E, listener: (...args: ProxyRotateEvents[E]) => void): void;
  /**
   * Closes the connections through the proxies that Node's client keeps or that are being opened; calls that come later
   * get ERR_SHUTTING_DOWN.
   */
  close(): void;
}

/**
 * Sends each attempt of the `forward()` at the end of the chain through a forward proxy. An exit that fails
 * rests, and the attempt moves on to the next at once; with none left the call is refused with 503
 * ERR_NO_PROXY, never sent directly unless `fallback` says so. In front of any other handler it does nothing.
 *
 * @param clock epoch milliseconds that never go back; for tests
 * @throws InvalidOptionError; it shows nothing of a proxy's URL
 */
export function proxyRotate(
  options: ProxyRotateOptions = {},
  clock: Clock = steadyClock,
): ProxyRotateHandler {
  const resolved = resolveProxyRotate(options);
  const events = new Events<ProxyRotateEvents>();
  const rotation = new Rotation(resolved, events, clock);
  const { strategy } = resolved;

  function proxyRotate(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    if (strategy === 'never') return next();
    const exchange = exchangeOf(req, res);
    const route = new Route(rotation);
    exchange.egress = route;
    // In front of the others: what a limit refuses has been chosen a way, which hears that it was not used.
    exchange.limits.unshift(route);
    next();
  }
  return Object.assign(proxyRotate, {
    status: () => rotation.status(),
    policy: () => (strategy === 'never' ? undefined : new Route(rotation)),
    on: events.on.bind(events) as ProxyRotateHandler['on'],
    off: events.off.bind(events) as ProxyRotateHandler['off'],
    close: () => rotation.close(),
  });
}
