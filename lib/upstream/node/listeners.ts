import { captureRejectionSymbol, EventEmitter } from 'node:events';
import { OutgoingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { ProxyError } from '../../core/errors.js';

/** Hears what a function of the user's threw, or what its promise was rejected with. */
export type OnFailure = (error: ProxyError) => void;

/** What a function of the user's failed with; `what` names it, as `on.proxyRes`. */
export function hookFailure(what: string, cause: unknown): ProxyError {
  if (cause instanceof ProxyError) return cause;
  return new ProxyError('ERR_INTERNAL', `The function given as ${what} failed`, { cause });
}

/**
 * Tells an event to its listeners. What one of them fails with goes to `failed`, at once or later: thrown on,
 * it would end the process, for these events come out of the depths of a socket.
 * @returns resolves when the promises that listeners returned have; `undefined` where none did
 */
export function tell(
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
 * Hears what listeners fail with that a user's function puts on a message, and on what it pipes it to: there
 * `responseInterceptor` awaits its function, with nobody else to hear of it.
 */
export function watchListeners(message: EventEmitter, what: string, failed: OnFailure): void {
  // Sets what `new EventEmitter()` would, and leaves the rest as it is.
  Reflect.apply(EventEmitter, message, [{ captureRejections: true }]);
  const emit = message.emit;
  Object.assign(message, {
    [captureRejectionSymbol]: (error: unknown) => failed(hookFailure(what, error)),
    emit(...told: Parameters<typeof emit>): boolean {
      try {
        return emit.apply(message, told);
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
      // The client's response is everybody's.
      if (!(to instanceof OutgoingMessage)) watchListeners(to, what, failed);
      return pipe.call(message as Readable, to, options);
    },
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
