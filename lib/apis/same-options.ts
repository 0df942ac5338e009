/** Levels of options that are compared; deeper values are equal only if they are the same object. */
const MAX_DEPTH = 10;

/**
 * A copy of options as plain values, which later changes to the caller's objects do not affect; compare two of them with
 * {@link sameOptions}. Functions and instances of classes are kept as they are.
 */
export function optionsSnapshot(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof URL) return value.href;
  if (ArrayBuffer.isView(value)) {
    return `bytes ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}`;
  }
  if (depth === MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => optionsSnapshot(item, depth + 1));
  if (!isPlain(value)) return value;
  // `undefined` means the default, like a missing option.
  const said = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(said.map(([key, item]) => [key, optionsSnapshot(item, depth + 1)]));
}

/** Whether two snapshots are equal, whatever the order of their keys. */
export function sameOptions(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameOptions(item, b[i]));
  }
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameOptions(a[key], b[key]))
  );
}

/** Whether options have the snapshot: without making one of them, which would cost more than to compare. */
export function hasSnapshot(value: unknown, snapshot: unknown, depth = 0): boolean {
  if (Object.is(value, snapshot)) return true;
  if (typeof value !== 'object' || value === null) return false;
  if (depth === MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    if (!Array.isArray(snapshot) || value.length !== snapshot.length) return false;
    return value.every((item, i) => hasSnapshot(item, snapshot[i], depth + 1));
  }
  if (!isPlain(value)) return sameOptions(optionsSnapshot(value), snapshot);
  if (!isPlain(snapshot)) return false;
  let said = 0;
  for (const key of Object.keys(value)) {
    if (value[key] === undefined) continue;
    if (!Object.hasOwn(snapshot, key) || !hasSnapshot(value[key], snapshot[key], depth + 1)) return false;
    said++;
  }
  return said === Object.keys(snapshot).length;
}

// Two instances of a class may behave differently: an agent has its own sockets.
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
