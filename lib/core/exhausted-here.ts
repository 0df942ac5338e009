import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** Descriptors, ports, buffers or memory of this process, or of its machine. */
const EXHAUSTED: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
  'EADDRINUSE',
  'EAI_MEMORY',
]);

/** What a resolver says for want of a descriptor too. */
const RESOLVER: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_SYSTEM',
]);

/**
 * Whether a connection could not be opened for want of something here: no other host can have caused it. Of the
 * addresses of one host each must have failed so, since one may be of a family that this machine has not.
 */
export function exhaustedHere(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(exhaustedHere);
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  if (typeof code !== 'string') return false;
  return EXHAUSTED.has(code) || (RESOLVER.has(code) && !hasDescriptor());
}

function hasDescriptor(): boolean {
  try {
    closeSync(openSync(devNull, 'r'));
    return true;
  } catch {
    return false;
  }
}
