import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Exchange, exchangeOf, type Handler } from './exchange.js';

type Next = (error?: unknown) => void;

/**
 * One handler out of many, run in turn. While a stage runs, `exchange.rest` is what follows it, so that it
 * can be run again for a detached call.
 */
export function pipeline(stages: readonly (Handler | undefined)[]): Handler {
  const present = stages.filter((stage) => stage !== undefined);
  const rests = present.map(
    (_, i): Handler =>
      (req, res, next) =>
        run(i + 1, exchangeOf(req, res), next),
  );

  function run(i: number, exchange: Exchange, next: Next): void {
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
