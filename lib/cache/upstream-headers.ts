import type { Exchange } from '../core/exchange.js';
import type { RawHeaders } from './policy/headers.js';

/**
 * The headers of a response as the upstream sent them, where `forward()` has: for the client, cookies are removed from
 * them and references changed.
 */
export function upstreamHeaders({ attempts }: Exchange, status: number): RawHeaders | undefined {
  const outcome = attempts.at(-1)?.outcome;
  return outcome?.kind === 'response' && outcome.head.status === status ? outcome.head.rawHeaders : undefined;
}
