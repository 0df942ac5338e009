import { captureRejectionSymbol, EventEmitter } from 'node:events';
import { type OutgoingHttpHeaders, OutgoingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { ProxyError } from '../../core/errors.js';
import type { Exchange } from '../../core/exchange.js';

/** Called with what a user's function threw, or its promise rejected with. */
export type OnFailure = (error: ProxyError) => void;

/** Wraps the failure of a user's function; `what` is its option, for example `on.proxyRes`. */
export function hookFailure(what: string, cause: unknown): ProxyError {
  if (cause instanceof ProxyError) return cause;
  return new ProxyError('ERR_INTERNAL', `The function given as ${what} failed`, { cause });
}

/**
 * Calls the listeners of an event. What one of them fails with goes to `failed`, at once or later: these events are
 * emitted from socket callbacks, where an uncaught error would end the process.
 * @returns resolves when all promises that listeners returned have settled; `undefined` if none returned one
 */
export function notify(
  emitter: EventEmitter,
  event: string,
  args: readonly unknown[],
  failed: OnFailure,
): Promise<unknown> | undefined {
  if (emitter.listenerCount(event) === 0) return undefined;
  let pending: Promise<unknown>[] | undefined;
  for (const listener of emitter.rawListeners(event)) {
    try {
      const returned: unknown = Reflect.apply(listener, emitter, args);
      if (!isThenable(returned)) continue;
      const settled = Promise.resolve(returned).catch((error: unknown) =>
        failed(hookFailure(`on.${event}`, error)),
      );
      pending ??= [];
      pending.push(settled);
    } catch (error) {
      failed(hookFailure(`on.${event}`, error));
      break;
    }
  }
  return pending && Promise.all(pending);
}

/**
 * Catches failures of listeners that a user's function adds to a message, and to what it pipes it to.
 * `responseInterceptor` awaits its function in such a listener, where nobody would handle a rejection.
 */
export function watchListeners(message: EventEmitter, what: string, failed: OnFailure): void {
  // Sets what `new EventEmitter()` would, and leaves other properties as they are.
  Reflect.apply(EventEmitter, message, [{ captureRejections: true }]);
  const emit = message.emit;
  Object.assign(message, {
    [captureRejectionSymbol]: (error: unknown) => failed(hookFailure(what, error)),
    emit(...args: Parameters<typeof emit>): boolean {
      try {
        return emit.apply(message, args);
      } catch (error) {
        failed(hookFailure(what, error));
        return true;
      }
    },
  });
  if (!('pipe' in message)) return;
  const { pipe } = message as Readable;
  Object.assign(message, {
    pipe(...[to, options]: Parameters<typeof pipe>) {
      // The client's response belongs to other code as well.
      if (!(to instanceof OutgoingMessage)) watchListeners(to, what, failed);
      return pipe.call(message as Readable, to, options);
    },
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Notes which request headers listeners have set, replaced or removed. */
export function noteChanges(
  exchange: Exchange,
  before: OutgoingHttpHeaders,
  after: OutgoingHttpHeaders,
): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (String(before[name]) === String(after[name])) continue;
    exchange.headersSetLate ??= new Set();
    exchange.headersSetLate.add(name);
  }
}
