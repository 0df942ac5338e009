import type { IncomingMessage } from 'node:http';

const DRAIN_BYTES = 64 * 1024;

/** Reads the rest of a discarded response, so that its connection can be reused. A long one is cut off instead. */
export function drain(proxyRes: IncomingMessage): void {
  let bytes = 0;
  proxyRes.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES) proxyRes.destroy();
  });
}
