import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Exchange, exchangeOf, type Handler, knownExchange, sameExchange } from './exchange.js';

type Next = (error?: unknown) => void;

/**
 * A stage that only writes on the exchange, and does not respond, so no `next` has to be made for it.
 * @returns an error, which ends the call; or where it has to wait, a promise of that, which never rejects
 */
export type Enter = (exchange: Exchange) => unknown;

/** A handler that may have an {@link Enter}, which a pipeline then runs instead of the handler. */
export interface Stage extends Handler {
  /** @internal */
  readonly enter?: Enter;
}

/** Runs such a stage when an application has mounted it by itself. */
export function enterBy(enter: Enter, req: IncomingMessage, res: ServerResponse, next: Next): void {
  const exchange = exchangeOf(req, res);
  // Nothing to do: the client left before the call got here.
  if (exchange.abandoned) return;
  const error = enter(exchange);
  if (error instanceof Promise) void error.then((late) => enteredLate(exchange, late, next));
  else if (error === undefined) next();
  else next(error);
}

/** The client may have left while a stage waited. */
function enteredLate(exchange: Exchange, error: unknown, next: Next): void {
  if (exchange.abandoned) return;
  if (error === undefined) next();
  else next(error);
}

/**
 * Joins handlers into one that runs them in turn. While a stage runs, `exchange.rest` is what follows it, so that it
 * can run again for a detached call.
 */
export function pipeline(stages: readonly (Stage | undefined)[]): Handler {
  const present = stages.filter((stage) => stage !== undefined);
  const rests = present.map(
    (_, i): Handler =>
      (req, _res, next) => {
        const exchange = knownExchange(req);
        if (exchange) run(i + 1, exchange, next);
      },
  );

  function run(from: number, exchange: Exchange, next: Next): void {
    for (let i = from; i < present.length; i++) {
      // The client left while a stage waited: the next one does not begin.
      if (exchange.abandoned) return;
      const stage = present[i];
      exchange.rest = rests[i];
      if (!stage?.enter) {
        stage?.(exchange.req, exchange.res, (error) => {
          if (error === undefined || error === null) run(i + 1, exchange, next);
          else next(error);
        });
        return;
      }
      const error = stage.enter(exchange);
      if (error === undefined) continue;
      if (!(error instanceof Promise)) return next(error);
      void error.then((late) =>
        enteredLate(exchange, late, (failed) =>
          failed === undefined ? run(i + 1, exchange, next) : next(failed),
        ),
      );
      return;
    }
    if (!exchange.abandoned) next();
  }

  return function pipeline(req: IncomingMessage, res: ServerResponse, next): void {
    run(0, sameExchange(req, res), next);
  };
}
