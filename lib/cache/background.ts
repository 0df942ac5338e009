import { detach } from '../core/detach.js';
import type { Exchange } from '../core/exchange.js';

/** A call without a client that repeats another, with its body. */
export function inBackground(exchange: Exchange, method: string): Exchange {
  const background = detach(exchange, { method });
  const { rawBody, body } = exchange.req as { rawBody?: unknown; body?: unknown };
  Object.assign(background.req, { rawBody, body });
  return background;
}
