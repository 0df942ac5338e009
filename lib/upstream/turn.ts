import { ProxyError } from '../core/errors.js';
import type { Exchange } from '../core/exchange.js';
import { sendError } from '../core/send-error.js';
import { Ending } from './ending.js';

/** One call of a handler, which ends with its response or goes to the next handler. */
export class Turn extends Ending {
  readonly #call: Exchange;
  readonly #next: ((error?: unknown) => void) | undefined;

  constructor(exchange: Exchange, next: ((error?: unknown) => void) | undefined) {
    super(exchange);
    this.#call = exchange;
    this.#next = next;
  }

  /** What a router or another of the application's functions has thrown reaches its error handler unchanged. */
  fail(thrown: unknown): void {
    const { req, res } = this.#call;
    this.#call.error = beforeSending(thrown);
    if (this.#next) this.#next(thrown);
    else sendError(req, res, this.#call.error);
    this.end();
  }

  pass(): void {
    const { req, res } = this.#call;
    if (this.#next) this.#next();
    else
      sendError(req, res, new ProxyError('ERR_BAD_REQUEST', 'The request path does not belong to this API'));
    this.end();
  }
}

/** An error before the call was sent is not a failure of the target, whatever it looks like. */
function beforeSending(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown;
  return new ProxyError('ERR_INTERNAL', 'The call failed before it was sent', { cause: thrown });
}
