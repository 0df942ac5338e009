import type { IncomingMessage } from 'node:http';

/** How much of a response that nobody wants is read for the sake of its connection. */
export const DRAIN_BYTES = 64 * 1024;
/** How long that may take: the connection is one less for others meanwhile, and a new one costs less. */
export const DRAIN_MS = 500;

/** Reads the rest of a discarded response, so that its connection can be reused. A long or slow one is cut off. */
export function drain(proxyRes: IncomingMessage): void {
  if (proxyRes.destroyed) return;
  let bytes = 0;
  const timer = setTimeout(() => proxyRes.destroy(), DRAIN_MS);
  timer.unref();
  proxyRes.on('close', () => clearTimeout(timer));
  proxyRes.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES) proxyRes.destroy();
  });
}
