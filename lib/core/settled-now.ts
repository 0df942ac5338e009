/**
 * What a function of the user has returned, unless that is a promise: one of a decision counts as `true`, and one that is
 * rejected, which nobody would handle, ends the process.
 * @throws TypeError
 */
export function settledNow<T>(value: T, option: string): T {
  if (!(value instanceof Promise)) return value;
  value.catch(() => {});
  throw new TypeError(`${option} must not be an async function`);
}
