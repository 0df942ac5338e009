/**
 * A length of time that an application gives.
 * @throws RangeError unless it is one
 */
export function checkedMs(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new RangeError(`A time in milliseconds must be a number from 0; received ${String(ms)}`);
}
