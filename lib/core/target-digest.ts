import { hash } from 'node:crypto';
import type { ForwardFacts } from './part.js';

/** Tells targets apart: what was learned of one says nothing about another. It is no secret, unlike a URL. */
export function targetDigest({ target }: ForwardFacts): string {
  const text =
    typeof target === 'string' || target instanceof URL ? String(target) : JSON.stringify(target ?? '');
  return hash('sha256', text, 'base64url').slice(0, 12);
}
