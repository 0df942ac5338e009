import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import { Events } from '../core/events.js';
import type { Exchange } from '../core/exchange.js';
import { enterBy } from '../core/pipeline.js';
import { settledNow } from '../core/settled-now.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import { bodyReader } from '../http/failure-rules.js';
import type { BreakerEvents } from './breaker-events.js';
import { type BreakerOptions, resolveBreaker } from './breaker-options.js';
import type { Circuit } from './circuit.js';
import type { CircuitRegistry } from './circuit-registry.js';
import type { CircuitStateName } from './circuit-state.js';
import { KeyedCircuits } from './keyed-circuits.js';
import type { JoinCircuit } from './store/store.js';

/** The middleware that {@link breaker} returns. Methods that take a key mean the breaker's own circuit without one. */
export interface BreakerHandler {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  /** State of the breaker's own circuit, the one without a key. */
  readonly state: CircuitStateName;
  /** Lists its circuits, and those of other breakers with the same registry. */
  readonly registry: CircuitRegistry;
  /** The circuit of a key, created if there is none yet. */
  circuit(key?: string): Circuit;
  /** Refuses every call until `forceClose()` or `reset()`. */
  forceOpen(key?: string): void;
  /** Closes the circuit and starts counting from zero; failures open it again as usual. */
  forceClose(key?: string): void;
  /** Like `forceClose()`, and forgets the last failure too. */
  reset(key?: string): void;
  /** Adds a listener. */
  on<E extends keyof BreakerEvents>(event: E, listener: (...args: BreakerEvents[E]) => void): void;
  /** Removes a listener that `on()` has added. */
  off<E extends keyof BreakerEvents>(event: E, listener: (...args: BreakerEvents[E]) => void): void;
  /** Removes its circuits from the registry, and refuses every later call with ERR_SHUTTING_DOWN. */
  close(): void;
}

/**
 * A circuit breaker. After enough failures it opens: every call is refused at once with a 503 and
 * `Retry-After`, by `next(error)`. After a while a few calls go through as probes, to find out whether the
 * target has recovered. In front of `forward()` it counts attempts; in front of any other handler, responses.
 *
 * @param clock monotonic, in milliseconds; for tests
 * @param target digest of what the calls go to, where it is known
 * @throws InvalidOptionError
 */
export function breaker(
  options: BreakerOptions = {},
  clock: Clock = steadyClock,
  target = '',
): BreakerHandler {
  const { name, key, maxCircuits, registry, store, config } = resolveBreaker(options);
  const events = new Events<BreakerEvents>();
  const join: JoinCircuit | undefined = store && ((member) => store.join({ ...member, target, config }));
  const circuits = new KeyedCircuits(name, maxCircuits, config, events, clock, join, target);
  registry.add(circuits);
  const reader = bodyReader(config.failureWhen);
  const single = key ? undefined : circuits.get();
  let closed = false;

  function enter(exchange: Exchange): unknown {
    let circuit: Circuit;
    try {
      circuit = single ?? circuits.get(settledNow(key?.(exchange.req), 'breaker.key'));
    } catch (error) {
      return error ?? new Error('The key of a circuit failed');
    }
    // A call that passes this middleware twice, mounted on two paths, is counted once.
    if (exchange.limits.includes(circuit)) return undefined;
    const asked = circuit.state === 'OPEN' && !closed ? circuit.askOthers() : undefined;
    if (asked !== undefined) return asked.then(() => entered(exchange, circuit, circuit.enterLate(exchange)));
    return entered(exchange, circuit, closed ? shuttingDown() : circuit.enter(exchange));
  }

  function entered(exchange: Exchange, circuit: Circuit, refusal: ProxyError | undefined): unknown {
    if (refusal) {
      exchange.error = refusal;
      return refusal;
    }
    const { attemptTimeoutMs = Number.POSITIVE_INFINITY } = exchange;
    exchange.attemptTimeoutMs = Math.min(attemptTimeoutMs, config.requestTimeoutMs);
    exchange.limits.push(circuit);
    exchange.readBodies(reader);
    exchange.onSettled(circuit.settled);
    return undefined;
  }

  function breaker(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void {
    enterBy(enter, req, res, next);
  }

  const handler = Object.assign(breaker, {
    enter,
    registry,
    circuit: (key?: string) => circuits.get(key),
    forceOpen: (key?: string) => circuits.get(key).forceOpen(),
    forceClose: (key?: string) => circuits.get(key).forceClose(),
    reset: (key?: string) => circuits.get(key).reset(),
    on: events.on.bind(events) as BreakerHandler['on'],
    off: events.off.bind(events) as BreakerHandler['off'],
    close() {
      closed = true;
      registry.remove(circuits);
      circuits.close();
    },
  });
  // Object.assign() would copy the getter's current value, and TypeScript does not see defineProperty().
  return Object.defineProperty(handler, 'state', {
    get: () => circuits.get().state,
    enumerable: true,
  }) as unknown as BreakerHandler;
}
