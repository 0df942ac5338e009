import type { EntryMeta, StoredVariant } from './store/entry.js';

/**
 * A stored response from the chunks of its body. They are copied once: here where there are several, otherwise by the
 * store.
 */
export function recordedVariant(meta: EntryMeta, chunks: readonly Buffer[]): StoredVariant {
  const [only = EMPTY] = chunks;
  if (chunks.length <= 1) return { meta, body: only };
  const body = Buffer.allocUnsafeSlow(meta.bodyLength);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return { meta, body, ownsBody: true };
}

const EMPTY = Buffer.alloc(0);
