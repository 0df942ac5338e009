import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Asset } from './client-assets.js';

/**
 * Headers of every response of a dashboard. They replace those of an earlier middleware: the page needs exactly this
 * policy, and it is a strict one.
 */
export function secure(res: ServerResponse): void {
  res.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('X-Frame-Options', 'DENY');
  res.setHeader('Referrer-Policy', 'same-origin');
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
}

/** Sends a value as JSON, not to be cached. */
export function sendJson(res: ServerResponse, status: number, value: unknown): void {
  sendText(res, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

/** Sends a text, not to be cached. */
export function sendText(res: ServerResponse, status: number, type: string, text: string): void {
  res.statusCode = status;
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Type', type);
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}

/** Sends an error as `{ error, code }`, with the id of its request if it has one, like the rest of the package. */
export function sendError(res: ServerResponse, status: number, code: string, error: string): void {
  sendJson(res, status, { error, code, requestId: res.getHeader('X-Request-Id') });
}

/** Sends a file whose URL changes with its content. */
export function sendAsset(req: IncomingMessage, res: ServerResponse, asset: Asset, tag: string): void {
  // Private: the application's authorization may protect it.
  res.setHeader('Cache-Control', 'private, max-age=31536000, immutable');
  sendTagged(req, res, asset, tag);
}

/** Sends a file with an ETag, or 304 to a browser that has it. */
export function sendTagged(req: IncomingMessage, res: ServerResponse, asset: Asset, tag: string): void {
  const etag = `W/"${tag}"`;
  res.setHeader('ETag', etag);
  res.setHeader('Vary', 'Accept-Encoding');
  if (req.headers['if-none-match'] === etag) {
    res.statusCode = 304;
    res.end();
    return;
  }
  const zipped = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:\s*,|\s*$))/i.test(
    String(req.headers['accept-encoding'] ?? ''),
  );
  // Koa begins each response with 404.
  res.statusCode = 200;
  const body = zipped ? asset.gzipped : asset.body;
  if (zipped) res.setHeader('Content-Encoding', 'gzip');
  res.setHeader('Content-Type', asset.type);
  res.setHeader('Content-Length', body.length);
  res.end(body);
}
