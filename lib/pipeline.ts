import type { IncomingMessage, ServerResponse } from 'node:http';
import { exchangeOf, type Handler } from './exchange.js';

/**
 * One handler out of many, run in turn. While a stage runs, `exchange.rest` is what follows it, so that it
 * can be run again for a detached call.
 */
export function pipeline(stages: readonly (Handler | undefined)[]): Handler {
  return stages
    .filter((stage) => stage !== undefined)
    .reduceRight<Handler>(
      (rest, stage) => before(stage, rest),
      (_req, _res, next) => next(),
    );
}

function before(stage: Handler, rest: Handler): Handler {
  return function step(req: IncomingMessage, res: ServerResponse, next): void {
    exchangeOf(req, res).rest = rest;
    stage(req, res, (error) => {
      if (error === undefined || error === null) rest(req, res, next);
      else next(error);
    });
  };
}
