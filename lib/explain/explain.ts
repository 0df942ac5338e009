import type { IncomingMessage, ServerResponse } from 'node:http';
import { exchangeOf, type Handler } from '../core/exchange.js';
import { type ExplainOptions, resolveExplain } from './explain-options.js';
import { explainHead } from './explained-head.js';

/**
 * Reports to the client how its call went, in two response headers: `Server-Timing` and `Proxy-Status`, after the values
 * that an upstream has set. Mount it first, in front of a cache, which would otherwise store headers that belong to one
 * call; mount the same one again behind the cache to measure the cache's share of the time.
 *
 * The headers name neither egress proxies nor hosts, but times and errors: leave it off if clients must not see those.
 *
 * @throws InvalidOptionError
 */
export function explain(options: ExplainOptions = {}): Handler {
  const resolved = resolveExplain(options);

  return function explain(req: IncomingMessage, res: ServerResponse, next): void {
    const exchange = exchangeOf(req, res);
    // The cache's own requests have no client.
    if (exchange.detached) return next();
    if (exchange.explained) {
      // The last one before the upstream is behind every cache.
      if (exchange.attempts.length === 0) exchange.passedCacheAt = performance.now();
    } else {
      exchange.explained = true;
      explainHead(exchange, resolved);
    }
    next();
  };
}
