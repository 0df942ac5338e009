import { SPAN_NAMES, SPANS, type SpanName, spanStart } from '../periods.js';
import { parseError, type StoredError } from '../stored-error.js';
import { Packer, type Unpacker, unpacked } from './packing.js';
import { sumOf, Tally } from './tally.js';
import { readMore, readTally, writeMore, writeTally } from './tally-codec.js';

/** What was counted for one API during one span, and is not part of any page yet. */
export interface Delta {
  readonly span: SpanName;
  /** Start of the span, in epoch milliseconds. */
  readonly start: number;
  readonly total: Tally;
  readonly paths: ReadonlyMap<string, Tally>;
  /** Oldest first. */
  readonly errors: readonly StoredError[];
}

/** Deltas that one process sends together, under an increasing number. */
export interface Batch {
  readonly writer: string;
  readonly number: number;
  readonly deltas: readonly Delta[];
}

/** Merges two deltas into one of `span`, which has to contain both. */
export function mergeDeltas(a: Delta, b: Delta, span: SpanName, maxErrors: number): Delta {
  const total = sumOf([a.total, b.total]);
  const paths = new Map<string, Tally>();
  for (const [path, tally] of [...a.paths, ...b.paths]) {
    const sum = paths.get(path) ?? new Tally();
    sum.add(tally);
    paths.set(path, sum);
  }
  const errors = [...a.errors, ...b.errors].slice(-maxErrors);
  return { span, start: spanStart(span, a.start), total, paths, errors };
}

/** More deltas than this are merged into longer spans, at the cost of precision. */
const MAX_DELTAS = 12;

/** Adds a delta to those that wait to be sent; their number stays limited however long they wait. */
export function withDelta(waiting: readonly Delta[], delta: Delta, maxErrors: number): Delta[] {
  const deltas = joined([...waiting, delta], 'minute', maxErrors);
  for (const span of ['hour', 'day'] as const) {
    if (deltas.length > MAX_DELTAS) deltas.splice(0, deltas.length, ...joined(deltas, span, maxErrors));
  }
  while (deltas.length > MAX_DELTAS) {
    const [first, second, ...rest] = deltas;
    if (first && second)
      deltas.splice(0, deltas.length, mergeDeltas(second, first, 'day', maxErrors), ...rest);
  }
  return deltas;
}

function joined(deltas: readonly Delta[], span: SpanName, maxErrors: number): Delta[] {
  const bySpan = new Map<string, Delta>();
  for (const delta of deltas) {
    const wide = SPANS[delta.span].lengthMs > SPANS[span].lengthMs ? delta.span : span;
    const key = `${wide}${spanStart(wide, delta.start)}`;
    const known = bySpan.get(key);
    bySpan.set(
      key,
      known
        ? mergeDeltas(known, delta, wide, maxErrors)
        : { ...delta, span: wide, start: spanStart(wide, delta.start) },
    );
  }
  return [...bySpan.values()];
}

const VERSION = 1;

/** Encodes a batch for Redis. */
export function encodeBatch({ writer, number, deltas }: Batch): Buffer {
  const to = new Packer();
  to.count(VERSION);
  to.text(writer);
  to.count(number);
  to.count(deltas.length);
  for (const { span, start, total, paths, errors } of deltas) {
    to.count(SPAN_NAMES.indexOf(span));
    to.count(start / SPANS[span].lengthMs);
    writeTally(to, total);
    to.count(paths.size);
    for (const [path, tally] of paths) {
      to.text(path);
      writeTally(to, tally);
    }
    to.count(errors.length);
    for (const error of errors) to.text(JSON.stringify(error));
  }
  writeMore(to, deltas.flatMap(talliesOf));
  return to.done();
}

/** Decodes a batch; `undefined` for anything else, or a damaged one. */
export function decodeBatch(bytes: Uint8Array): Batch | undefined {
  return unpacked(bytes, (from) => {
    if (from.count() !== VERSION) throw new RangeError('Of another version');
    const writer = from.text();
    const number = from.count();
    const deltas = list(from, readDelta);
    readMore(from, deltas.flatMap(talliesOf));
    return { writer, number, deltas };
  });
}

const talliesOf = ({ total, paths }: Delta): Tally[] => [total, ...paths.values()];

function readDelta(from: Unpacker): Delta {
  const span = SPAN_NAMES[from.count()];
  if (!span) throw new RangeError('Of an unknown span');
  const start = from.count() * SPANS[span].lengthMs;
  const total = readTally(from);
  const paths = new Map(list(from, (entry): [string, Tally] => [entry.text(), readTally(entry)]));
  const errors = list(from, (entry) => parseError(entry.text())).filter((error) => error !== undefined);
  return { span, start, total, paths, errors };
}

function list<T>(from: Unpacker, read: (from: Unpacker) => T): T[] {
  return Array.from({ length: from.length() }, () => read(from));
}
