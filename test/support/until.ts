import type { EventEmitter } from 'node:events';

const DEADLINE_MS = 5000;

/** Resolves once the condition holds; fails after a deadline with what was waited for. */
export async function until(
  condition: () => boolean,
  what = condition.toString(),
  withinMs = DEADLINE_MS,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ${withinMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The same, of what has to be awaited to be known. */
export async function eventually(
  condition: () => Promise<boolean>,
  what: string,
  withinMs = DEADLINE_MS,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await within(condition(), what, withinMs))) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ${withinMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The first argument of the next such event; fails if `error` comes first. */
export function eventOf<T = unknown>(
  emitter: EventEmitter,
  name: string,
  withinMs = DEADLINE_MS,
): Promise<T> {
  const event = new Promise<T>((resolve, reject) => emitter.once(name, resolve).once('error', reject));
  return within(event, `the event ${name}`, withinMs);
}

/** Settles as the promise does; fails if that takes longer than the deadline. */
export async function within<T>(promise: Promise<T>, what: string, withinMs = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${withinMs} ms in vain for: ${what}`)), withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves once the value has not changed for a while: the flow has stopped. */
export async function standstill(value: () => number, quietMs = 250, withinMs = 10_000): Promise<number> {
  const giveUpAt = performance.now() + withinMs;
  let last = value();
  let since = performance.now();
  while (performance.now() - since < quietMs) {
    if (performance.now() > giveUpAt) throw new Error(`Still moving after ${withinMs} ms, at ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const now = value();
    if (now === last) continue;
    last = now;
    since = performance.now();
  }
  return last;
}
