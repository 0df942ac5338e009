import type { Exchange } from '../../core/exchange.js';

/** Passes on an interim response, 102 or 103 (RFC 9110 §15.2, RFC 8297). HTTP/1.0 clients do not know them. */
export function sendInformation(exchange: Exchange, status: number, rawHeaders: readonly string[]): void {
  const { req, res } = exchange;
  if (exchange.detached || res.headersSent || res.destroyed || req.httpVersion === '1.0') return;
  // Node's HTTP/2 responses have none.
  if (status === 102) res.writeProcessing?.();
  if (status === 103) sendEarlyHints(exchange, rawHeaders);
}

function sendEarlyHints({ res }: Exchange, rawHeaders: readonly string[]): void {
  const hints: Record<string, string | string[]> = Object.create(null);
  const links: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    if (name === 'link') links.push(value);
    else if (name !== 'connection') hints[name] = value;
  }
  try {
    res.writeEarlyHints({ ...hints, link: links });
  } catch {
    // Node is stricter about Link than RFC 8288; a hint that it refuses does not fail the call.
  }
}
