import type { IncomingMessage, ServerResponse } from 'node:http';
import { exchangeOf, type Handler } from '../core/exchange.js';
import { type ExplainOptions, resolveExplain } from './explain-options.js';
import { explainHead } from './explained-head.js';

/**
 * Tells the client, in the head of each answer, how its call went: `Server-Timing` and `Proxy-Status`, behind what an
 * upstream says in these fields. It stands first, in front of a cache, which would else keep with an answer what is
 * true of one call; put it once more behind the cache, so that the cache's share of the time is known.
 *
 * Neither exits nor hosts are named. Times and errors are: leave it off where clients must not know them.
 *
 * @throws InvalidOptionError
 */
export function explain(options: ExplainOptions = {}): Handler {
  const resolved = resolveExplain(options);

  return function explain(req: IncomingMessage, res: ServerResponse, next): void {
    const exchange = exchangeOf(req, res);
    // What a cache asks for by itself is no client's.
    if (exchange.detached) return next();
    if (exchange.explained) {
      // The last one in front of the upstream is behind every cache.
      if (exchange.attempts.length === 0) exchange.passedCacheAt = performance.now();
    } else {
      exchange.explained = true;
      explainHead(exchange, resolved);
    }
    next();
  };
}
