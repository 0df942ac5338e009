import type { EntryMeta, StoredVariant } from './store/entry.js';

/** A stored answer out of the pieces its body arrived in. They are copied once: here where they are many, else by the store. */
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
