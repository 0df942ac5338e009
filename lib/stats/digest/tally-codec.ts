import { BLAMES } from '../../core/errors.js';
import type { Centroids } from './centroids.js';
import { Packer, type Unpacker, unpacked } from './packing.js';
import { bump, bumpName, CACHE_VERDICTS, COUNTERS, Tally } from './tally.js';

const VERSION = 2;
/** Without who caused the failures. */
const BEFORE_BLAME = 1;

/** Encodes a tally: a few hundred bytes, at most about 1.5 KB. */
export function encodeTally(tally: Tally): Buffer {
  const to = new Packer();
  writeTally(to, tally);
  return to.done();
}

/** Decodes a tally; `undefined` for anything else, or a damaged one. */
export function decodeTally(bytes: Uint8Array): Tally | undefined {
  return unpacked(bytes, readTally);
}

/** Appends a tally to what is packed already. */
export function writeTally(to: Packer, tally: Tally): void {
  to.count(VERSION);
  for (const counter of COUNTERS) to.count(tally[counter]);
  to.count(tally.statusCodes.size);
  for (const [status, times] of tally.statusCodes) {
    to.count(status);
    to.count(times);
  }
  for (const verdict of CACHE_VERDICTS) to.count(tally.cache.get(verdict) ?? 0);
  for (const by of BLAMES) to.count(tally.failedBy.get(by) ?? 0);
  for (const names of [tally.proxies, tally.errors]) {
    to.count(names.size);
    for (const [name, times] of names) {
      to.text(name);
      to.count(times);
    }
  }
  writeCentroids(to, tally.responseTime);
  writeCentroids(to, tally.timeToFirstByte);
}

/** Reads what {@link writeTally} wrote; throws on anything else. */
export function readTally(from: Unpacker): Tally {
  const version = from.count();
  if (version !== VERSION && version !== BEFORE_BLAME) throw new RangeError('Of another version');
  const tally = new Tally();
  for (const counter of COUNTERS) tally[counter] = from.count();
  for (let left = from.length(); left > 0; left--) bump(tally.statusCodes, from.count(), from.count());
  for (const verdict of CACHE_VERDICTS) {
    const times = from.count();
    if (times > 0) tally.cache.set(verdict, times);
  }
  for (const by of version === BEFORE_BLAME ? [] : BLAMES) {
    const times = from.count();
    if (times > 0) tally.failedBy.set(by, times);
  }
  for (const names of [tally.proxies, tally.errors]) {
    for (let left = from.length(); left > 0; left--) bumpName(names, from.text(), from.count());
  }
  tally.responseTime = readCentroids(from);
  tally.timeToFirstByte = readCentroids(from);
  return tally;
}

// The bits of positive floats sort like their values. Without the lowest seven there are five digits left, and the
// step from one mean to the next takes two bytes instead of four.
const DROPPED_BITS = 7;
const ROUNDING = 1 << (DROPPED_BITS - 1);

function writeCentroids(to: Packer, centroids: Centroids | undefined): void {
  to.count(centroids?.means.length ?? 0);
  if (!centroids) return;
  const { means, counts, min, max } = centroids;
  to.float(min);
  to.float(max);
  const bits = new Uint32Array(means.buffer, means.byteOffset, means.length);
  let last = 0;
  for (const [i, mean] of bits.entries()) {
    const short = (mean + ROUNDING) >>> DROPPED_BITS;
    to.count(short - last);
    to.count(counts[i] ?? 0);
    last = short;
  }
}

function readCentroids(from: Unpacker): Centroids | undefined {
  const size = from.length();
  if (size === 0) return undefined;
  const min = from.float();
  const max = from.float();
  const means = new Float32Array(size);
  const counts = new Float64Array(size);
  const bits = new Uint32Array(means.buffer);
  let last = 0;
  let total = 0;
  for (let i = 0; i < size; i++) {
    last += from.count();
    bits[i] = last * 2 ** DROPPED_BITS;
    const count = from.count();
    if (count === 0 || !Number.isFinite(means[i])) throw new RangeError('Not a distribution');
    counts[i] = count;
    total += count;
  }
  return { means, counts, total, min, max };
}
