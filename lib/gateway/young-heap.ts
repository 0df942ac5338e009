import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { isNodeOptionGiven } from './node-option.js';

const MIB = 1024 * 1024;
const WANTED_MIB = 8;
/** More than enough to have it grow. */
const MOST_OBJECTS = 200_000;

/** How often its size is looked at. */
const LOOK_MS = 1000;
/** Part of the time in which the process runs, from which on the size of its young heap matters. */
const BUSY = 0.05;

/**
 * Keeps the young part of V8's heap at 8 MiB, half or a quarter of what it grows to. The bytes of bodies are outside of
 * the heap, and each 64 MiB of them have V8 mark all of it, unless what holds on to them was collected before: that is
 * every 650 responses of 100 KB, and a third of what they cost. Node takes its own option for it, `--max-semi-space-size`,
 * at its start alone; where that is given it holds.
 */
export function keepYoungHeapSmall(): void {
  if (isNodeOptionGiven('semi-space') || !grow()) return;
  // Has bodies count with the heap, whose limit adapts, in place of the limit of their own.
  if (Number.parseInt(process.versions.node, 10) >= 24) {
    setFlagsFromString('--external-memory-accounted-in-global-limit');
  }
  // V8 makes it smaller in a process that has nothing to do: with 1 MiB a call would cost twice as much ever after.
  let last = cpuMs();
  setInterval(() => {
    const now = cpuMs();
    if (now - last > BUSY * LOOK_MS) grow();
    last = now;
  }, LOOK_MS).unref();
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Has V8 make it larger where it is smaller, and no larger than that. @returns whether it has: Bun and Deno do not */
function grow(): boolean {
  const factor = Math.round(WANTED_MIB / youngMib());
  if (factor < 2) return false;
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  growOnce();
  setFlagsFromString('--semi-space-growth-factor=1');
  return youngMib() > WANTED_MIB / 2;
}

/** It grows once as much has survived as it holds. */
function growOnce(): void {
  const before = youngMib();
  const kept: object[] = [];
  while (kept.length < MOST_OBJECTS) {
    kept.push({ at: kept.length });
    if (kept.length % 1000 === 0 && youngMib() > before * 1.5) return;
  }
}

/** What one of its two halves can hold. */
function youngMib(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return young ? (young.space_used_size + young.space_available_size) / MIB : WANTED_MIB;
}
