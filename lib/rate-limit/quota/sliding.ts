import type { Consumed, QuotaLimit } from './engine.js';

/** Points that were taken, in slots of a hundredth of the window: a call is counted up to so much too long. */
export interface Slots {
  /** Number of the slot, and what was taken in it. Oldest first. */
  readonly taken: Map<number, { points: number; lastAt: number }>;
  sum: number;
}

/** A window has so many slots. */
export const SLOTS = 100;

export const newSlots = (): Slots => ({ taken: new Map(), sum: 0 });

/** Takes points, if no window of this length has more than the limit. */
export function takeSlid(
  slots: Slots,
  { limit, windowMs }: QuotaLimit,
  now: number,
  points: number,
): Consumed {
  const leftMs = waitSlid(slots, { limit, windowMs }, now, points);
  if (leftMs > 0) return { taken: false, leftMs };
  return { taken: true, leftMs: windowMs, mark: addSlid(slots, windowMs, now, points) };
}

/** Time until so many points can be taken; 0 is now. */
export function waitSlid(slots: Slots, quota: QuotaLimit, now: number, points: number): number {
  endSlots(slots, quota.windowMs, now);
  return slots.sum + points > quota.limit ? waitFor(slots, quota, now, points) : 0;
}

/** Forgets what has fallen out of the window. */
export function endSlots(slots: Slots, windowMs: number, now: number): void {
  for (const [slot, { points: old, lastAt }] of slots.taken) {
    if (lastAt + windowMs > now) break;
    slots.taken.delete(slot);
    slots.sum -= old;
  }
}

/** Adds points, whatever the limit is. @returns the slot that has them */
export function addSlid(slots: Slots, windowMs: number, now: number, points: number): number {
  const slot = Math.floor((now * SLOTS) / windowMs);
  const known = slots.taken.get(slot);
  if (known) {
    known.points += points;
    known.lastAt = now;
  } else slots.taken.set(slot, { points, lastAt: now });
  slots.sum += points;
  return slot;
}

/** Gives points back to the slot that they came from. */
export function giveBackSlid(slots: Slots, slot: number, points: number): void {
  const known = slots.taken.get(slot);
  if (!known) return;
  const back = Math.min(points, known.points);
  known.points -= back;
  slots.sum -= back;
  if (known.points <= 0) slots.taken.delete(slot);
}

function waitFor(slots: Slots, { limit, windowMs }: QuotaLimit, now: number, points: number): number {
  let left = slots.sum + points;
  for (const { points: old, lastAt } of slots.taken.values()) {
    left -= old;
    if (left <= limit) return lastAt + windowMs - now;
  }
  return windowMs;
}
