import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** Wrong tokens that an address may send at once. */
const MAX_WRONG = 10;
/** How often one more is allowed. */
const EVERY_MS = 6000;
/** Addresses that are remembered; the one that was heard of longest ago is forgotten. */
const MAX_ADDRESSES = 2000;

interface Wrong {
  /** How many, less those that time has forgiven. */
  readonly count: number;
  readonly at: number;
  /** Digests of the last ones. */
  readonly last: readonly string[];
}

/** A page or a scraper that has an old token sends it again and again: that is no guess. */
const MAX_LAST = 3;

/** Slows down whoever guesses tokens: ten at once, and then ten a minute, from one address or network of IPv6. */
export class TokenThrottle {
  readonly #wrong = new Map<string, Wrong>();
  readonly #now: () => number;

  /** @param now milliseconds of a steady clock; for tests */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How long tokens of this address are not looked at; `0` where they are. */
  waitMs(address: string | undefined): number {
    const wrong = this.#wrong.get(networkOf(address));
    return wrong ? Math.max(0, (this.#left(wrong) - MAX_WRONG + 1) * EVERY_MS) : 0;
  }

  /** Counts a wrong token. @returns whether the next one must wait, and this one need not */
  failed(address: string | undefined, token: string): boolean {
    const network = networkOf(address);
    const digest = createHash('sha256').update(token).digest('base64');
    const wrong = this.#wrong.get(network);
    if (wrong?.last.includes(digest)) return false;
    const count = (wrong ? this.#left(wrong) : 0) + 1;
    this.#wrong.delete(network);
    this.#wrong.set(network, {
      count,
      at: this.#now(),
      last: [digest, ...(wrong?.last ?? [])].slice(0, MAX_LAST),
    });
    const [oldest] = this.#wrong.keys();
    if (this.#wrong.size > MAX_ADDRESSES && oldest !== undefined) this.#wrong.delete(oldest);
    return count > MAX_WRONG - 1;
  }

  #left({ count, at }: Wrong): number {
    return Math.max(0, count - (this.#now() - at) / EVERY_MS);
  }
}

/** A client has a whole /64 of IPv6. */
function networkOf(address = ''): string {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIPv4(plain) || !plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length);
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...behind].slice(0, 4).join(':');
}
