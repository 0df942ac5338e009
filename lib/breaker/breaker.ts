import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { exchangeOf } from '../core/exchange.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import type { BreakerEvents } from './breaker-events.js';
import { type BreakerOptions, resolveBreaker } from './breaker-options.js';
import type { Circuit } from './circuit.js';
import type { CircuitRegistry } from './circuit-registry.js';
import type { CircuitStateName } from './circuit-state.js';
import { KeyedCircuits } from './keyed-circuits.js';

/** The middleware that {@link breaker} returns. Where it takes a key, none means the circuit of its name. */
export interface BreakerHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** State of the circuit of its name. */
  readonly state: CircuitStateName;
  /** Lists its circuits, and those of the other breakers that were given the same registry. */
  readonly registry: CircuitRegistry;
  /** The circuit of a key; makes it where no call has yet. */
  circuit(key?: string): Circuit;
  /** Refuses every call until `forceClose()` or `reset()`. */
  forceOpen(key?: string): void;
  /** Lets calls through and counts afresh; failures open the circuit again as ever. */
  forceClose(key?: string): void;
  /** As `forceClose()`, and forgets the last failure. */
  reset(key?: string): void;
  /** Calls back at each such event, until `off()` with the same function. */
  on<E extends keyof BreakerEvents>(event: E, listener: (...args: BreakerEvents[E]) => void): void;
  /** Ends what `on()` began. */
  off<E extends keyof BreakerEvents>(event: E, listener: (...args: BreakerEvents[E]) => void): void;
  /** Takes its circuits out of the registry. */
  close(): void;
}

/**
 * Stops calling what is dead. After enough failures every call is refused at once with a 503 and
 * `Retry-After`, by `next(error)`; then a few trials find out whether the target has recovered. With
 * `forward()` behind it every attempt counts; in front of any other handler the response does.
 *
 * @param clock milliseconds that never go back; for tests
 * @throws InvalidOptionError
 */
export function breaker(options: BreakerOptions = {}, clock: Clock = steadyClock): BreakerHandler {
  const { name, key, maxCircuits, registry, config } = resolveBreaker(options);
  const events = new EventEmitter<BreakerEvents>();
  const circuits = new KeyedCircuits(name, maxCircuits, config, events, clock);
  registry.add(circuits);
  const single = key ? undefined : circuits.get();

  function breaker(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    let circuit: Circuit;
    try {
      circuit = single ?? circuits.get(key?.(req));
    } catch (error) {
      next(error);
      return;
    }
    const exchange = exchangeOf(req, res);
    // Mounted on two paths that one call goes through, it would count everything twice.
    if (exchange.limits.includes(circuit)) return next();
    const refusal = circuit.enter(exchange);
    if (refusal) {
      exchange.error = refusal;
      return next(refusal);
    }
    exchange.attemptTimeoutMs = config.requestTimeoutMs;
    exchange.limits.push(circuit);
    exchange.onSettled(circuit.settled);
    next();
  }

  const handler = Object.assign(breaker, {
    registry,
    circuit: (key?: string) => circuits.get(key),
    forceOpen: (key?: string) => circuits.get(key).forceOpen(),
    forceClose: (key?: string) => circuits.get(key).forceClose(),
    reset: (key?: string) => circuits.get(key).reset(),
    on: events.on.bind(events) as BreakerHandler['on'],
    off: events.off.bind(events) as BreakerHandler['off'],
    close() {
      registry.remove(circuits);
      circuits.close();
    },
  });
  // Object.assign would copy what the getter returns now; TypeScript does not see defined properties.
  return Object.defineProperty(handler, 'state', {
    get: () => circuits.get().state,
    enumerable: true,
  }) as unknown as BreakerHandler;
}
