import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Exchange, exchangeOf, type Handler, knownExchange } from './exchange.js';

type Next = (error?: unknown) => void;

/**
 * One handler out of many, run in turn. While a stage runs, `exchange.rest` is what follows it, so that it
 * can be run again for a detached call.
 */
export function pipeline(stages: readonly (Handler | undefined)[]): Handler {
  const present = stages.filter((stage) => stage !== undefined);
  const rests = present.map(
    (_, i): Handler =>
      (req, _res, next) => {
        const exchange = knownExchange(req);
        if (exchange) run(i + 1, exchange, next);
      },
  );

  function run(i: number, exchange: Exchange, next: Next): void {
    // Its client left while a stage waited for something: nothing behind it begins.
    if (exchange.abandoned) return;
    const stage = present[i];
    if (!stage) return next();
    exchange.rest = rests[i];
    const { req, res } = exchange;
    stage(req, res, (error) => {
      if (error === undefined || error === null) run(i + 1, exchange, next);
      else next(error);
    });
  }

  return function pipeline(req: IncomingMessage, res: ServerResponse, next): void {
    run(0, exchangeOf(req, res), next);
  };
}
