import { OUTCOMES } from '../../core/ended-call.js';
import { BLAMES } from '../../core/errors.js';
import { ATTEMPT_RESULTS } from '../../http/outcome.js';
import { type Centroids, DROPPED_BITS } from './centroids.js';
import { deriveOutcomes } from './derived-outcomes.js';
import { Packer, type Unpacker, unpacked } from './packing.js';
import {
  bump,
  bumpName,
  CACHE_VERDICTS,
  COUNTERS,
  MORE_COUNTERS,
  MORE_TIMES,
  Tally,
  TIMES,
} from './tally.js';

const VERSION = 3;
/** Without which values are means of several, slow calls, and since when is counted. */
const BEFORE_SPREAD = 2;
/** Without who caused the failures, too. */
const BEFORE_BLAME = 1;

/** Encodes a tally: a few hundred bytes, at most about 1.5 KB. */
export function encodeTally(tally: Tally): Buffer {
  const to = new Packer();
  writeTally(to, tally);
  writeMore(to, [tally]);
  return to.done();
}

/** Decodes a tally; `undefined` for anything else, or a damaged one. */
export function decodeTally(bytes: Uint8Array): Tally | undefined {
  return unpacked(bytes, (from) => {
    const tally = readTally(from);
    readMore(from, [tally]);
    return tally;
  });
}

/** Of what {@link writeMore} appends. */
const MORE_VERSION = 1;

/**
 * Appends the figures that were added later, of tallies that were written before. They stand behind everything else,
 * where earlier versions do not read: while both run, these read what this version writes, and count on.
 */
export function writeMore(to: Packer, tallies: readonly Tally[]): void {
  to.count(MORE_VERSION);
  for (const tally of tallies) {
    for (const outcome of OUTCOMES) to.count(tally.outcomes[outcome]);
    for (const result of ATTEMPT_RESULTS) to.count(tally.attemptResults[result]);
    for (const counter of MORE_COUNTERS) to.count(tally[counter]);
    for (const time of MORE_TIMES) writeCentroids(to, tally[time]);
  }
}

/** Reads what {@link writeMore} wrote; where an earlier version wrote, the outcomes are told from its counters. */
export function readMore(from: Unpacker, tallies: readonly Tally[]): void {
  const isKnown = from.hasMore && from.count() === MORE_VERSION;
  for (const tally of tallies) {
    if (isKnown) readMoreOf(from, tally);
    else deriveOutcomes(tally);
  }
}

function readMoreOf(from: Unpacker, tally: Tally): void {
  for (const outcome of OUTCOMES) tally.outcomes[outcome] = from.count();
  for (const result of ATTEMPT_RESULTS) tally.attemptResults[result] = from.count();
  for (const counter of MORE_COUNTERS) tally[counter] = from.count();
  for (const time of MORE_TIMES) tally[time] = readCentroids(from, VERSION);
}

/** Appends a tally to what is packed already. */
export function writeTally(to: Packer, tally: Tally): void {
  to.count(VERSION);
  for (const counter of COUNTERS) to.count(tally[counter]);
  to.count(tally.since === undefined ? 0 : Math.max(1, Math.floor(tally.since / 1000)));
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
  for (const time of TIMES) writeCentroids(to, tally[time]);
}

/** Reads what {@link writeTally} wrote; throws on anything else. */
export function readTally(from: Unpacker): Tally {
  const version = from.count();
  if (version < BEFORE_BLAME || version > VERSION) throw new RangeError('Of another version');
  const tally = new Tally();
  for (const counter of COUNTERS) {
    if (counter !== 'slow' || version > BEFORE_SPREAD) tally[counter] = from.count();
  }
  const since = version > BEFORE_SPREAD ? from.count() : 0;
  if (since > 0) tally.since = since * 1000;
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
  for (const time of TIMES) tally[time] = readCentroids(from, version);
  return tally;
}

// The bits of positive floats sort like their values. Without the lowest seven, which are zero, the step from one value
// to the next takes two bytes instead of four.
function writeCentroids(to: Packer, centroids: Centroids | undefined): void {
  to.count(centroids?.values.length ?? 0);
  if (!centroids) return;
  const { values, counts, spread, min, max } = centroids;
  to.float(min);
  to.float(max);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let last = 0;
  for (const [i, value] of bits.entries()) {
    const short = value >>> DROPPED_BITS;
    to.count(short - last);
    to.count((counts[i] ?? 0) * 2 + (spread[i] ?? 0));
    last = short;
  }
}

function readCentroids(from: Unpacker, version: number): Centroids | undefined {
  const size = from.length();
  if (size === 0) return undefined;
  const min = from.float();
  const max = from.float();
  const values = new Float32Array(size);
  const counts = new Float64Array(size);
  const spread = new Uint8Array(size);
  const bits = new Uint32Array(values.buffer);
  let last = 0;
  let total = 0;
  for (let i = 0; i < size; i++) {
    last += from.count();
    bits[i] = last * 2 ** DROPPED_BITS;
    const packed = from.count();
    const count = version > BEFORE_SPREAD ? Math.floor(packed / 2) : packed;
    if (count === 0 || !Number.isFinite(values[i])) throw new RangeError('Not a distribution');
    counts[i] = count;
    spread[i] = version > BEFORE_SPREAD ? packed % 2 : Number(count > 1);
    total += count;
  }
  return { values, counts, spread, total, min, max };
}
