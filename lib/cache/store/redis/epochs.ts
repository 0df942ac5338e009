import { hash } from 'node:crypto';
import type { StoredVariant } from '../entry.js';

/** Digits at the end of each value: the epoch in which it was stored. */
const STAMP_LENGTH = 16;
const DIGITS = /^\d+$/;

/** What is purged of an API although no list of keys names it any more: Redis may have evicted the list. */
interface Floors {
  readonly text: string;
  /** What was stored in an earlier epoch is purged. */
  readonly all: number;
  /** The same for what carries a tag, by its digest; `undefined` for none. */
  readonly tags: ReadonlyMap<string, number> | undefined;
}

/** A value without its stamp, and the stamp. */
export interface StampedValue {
  readonly value: Buffer;
  readonly epoch: number;
}

/** @returns `undefined` for a value without a stamp */
export function stampedValue(bytes: Buffer): StampedValue | undefined {
  const end = bytes.length - STAMP_LENGTH;
  if (end < 0) return undefined;
  const stamp = bytes.toString('latin1', end);
  return DIGITS.test(stamp) ? { value: bytes.subarray(0, end), epoch: Number(stamp) } : undefined;
}

/** A tag as the epochs of its API name it. */
export function tagDigest(tag: string): string {
  return hash('sha256', tag, 'hex').slice(0, 16);
}

/** Tells what is purged by what Redis returns with each value. */
export class Epochs {
  #last: Floors = { text: '', all: Number.POSITIVE_INFINITY, tags: undefined };

  /**
   * Whether a purge has removed it.
   * @param text the epochs of its API; where Redis has lost them, nobody knows what was purged
   */
  hide(text: string | undefined, epoch: number, variants: readonly StoredVariant[]): boolean {
    if (text === undefined) return true;
    if (this.#last.text !== text) this.#last = floorsOf(text);
    const { all, tags } = this.#last;
    if (epoch < all) return true;
    if (!tags) return false;
    return variants.some(({ meta }) => meta.tags.some((tag) => epoch < (tags.get(tagDigest(tag)) ?? 0)));
  }
}

/** `epoch listed floor`, followed by ` tag=epoch` for some tags. */
function floorsOf(text: string): Floors {
  const [, , floor, ...tags] = text.split(' ');
  const pairs = tags
    .map((tag) => tag.split('='))
    .map(([digest = '', epoch]) => [digest, Number(epoch)] as const);
  const all = floor !== undefined && DIGITS.test(floor) ? Number(floor) : Number.POSITIVE_INFINITY;
  return { text, all, tags: pairs.length === 0 ? undefined : new Map(pairs) };
}
