/** Levels of options that are compared; what lies deeper is the same only where it is the same object. */
const MAX_DEPTH = 10;

/**
 * What options say, as plain values that no later change of the caller's objects reaches: to be compared with
 * {@link sameOptions}. Functions and instances of classes stand for themselves.
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
  // `undefined` means the default, as leaving it out does.
  const said = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(said.map(([key, item]) => [key, optionsSnapshot(item, depth + 1)]));
}

/** Whether two snapshots say the same, in whatever order. */
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

// Of two instances of a class nobody can tell whether they would do the same: an agent has sockets of its own.
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
