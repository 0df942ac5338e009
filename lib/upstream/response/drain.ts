import type { IncomingMessage } from 'node:http';

const DRAIN_BYTES = 64 * 1024;

/** Reads an answer that nobody wants, so that its connection can be used again; one that is long costs more than that. */
export function drain(proxyRes: IncomingMessage): void {
  let bytes = 0;
  proxyRes.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAIN_BYTES) proxyRes.destroy();
  });
}
