// Faults, and what must hold while they last: see README.md.
//   npm run test:chaos -- [--only=REGEX]
//   CHAOS_SECONDS: how long it may take (660); rows are measured again for as long as that leaves room
import { readdirSync } from 'node:fs';
import { cleanUp } from '../support/cleanup.js';
import { within } from '../support/until.js';
import { type Check, hard, type Row, type Scene } from './kit/row.js';
import { isKept, type MeasuredRow, mayBeBusy, tableOf } from './kit/table.js';

const MOST_TIMES = 3;
const WITHIN_MS = Number(process.env.CHAOS_SECONDS ?? 660) * 1000;
/** Left at the end, so that the table is printed. */
const SPARE_MS = 15_000;
const ROW_WITHIN_MS = 180_000;

const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length) ?? '';

/** Rows that share a scene follow one another. */
async function rows(): Promise<Row[]> {
  const folder = new URL('rows/', import.meta.url);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const modules = files.map((name) => import(new URL(name, folder).href) as Promise<{ row: Row }>);
  const all = (await Promise.all(modules)).map(({ row }) => row);
  const scenes = [...new Set(all.map(({ scene }) => scene))];
  const sorted = scenes.flatMap((scene) => all.filter((row) => row.scene === scene));
  return sorted.filter(({ fault }) => new RegExp(only, 'i').test(fault));
}

let open: { readonly scene: Scene<unknown>; readonly started: unknown } | undefined;

async function started(scene: Scene<unknown>): Promise<unknown> {
  if (open?.scene === scene) return open.started;
  await end();
  open = { scene, started: await scene() };
  return open.started;
}

async function end(): Promise<void> {
  open = undefined;
  await cleanUp();
}

async function measured({ scene, measure, withinMs = ROW_WITHIN_MS }: Row): Promise<readonly Check[]> {
  try {
    const run = async (): Promise<readonly Check[]> => measure(await started(scene));
    return await within(run(), 'the row to be measured', withinMs);
  } catch (error) {
    return [hard('runs to its end', error instanceof Error ? error.message : String(error), false)];
  }
}

interface Result extends MeasuredRow {
  readonly row: Row;
  readonly measurements: (readonly Check[])[];
  /** How long it took when it was measured last. */
  tookMs: number;
}

async function measure(result: Result): Promise<void> {
  const { row, measurements } = result;
  const from = performance.now();
  // From a new start where it is measured again: what a fault has left behind must not count twice.
  if (measurements.length > 0) await end();
  measurements.push(await measured(row));
  if (!isKept(result)) await end();
  result.tookMs = performance.now() - from;
  const last = mayBeMeasuredAgain(result) ? 'MISSED' : 'FAILED';
  console.log(`${isKept(result) ? 'ok    ' : last} ${row.fault} (${(result.tookMs / 1000).toFixed(0)} s)`);
}

function mayBeMeasuredAgain(result: Result): boolean {
  return mayBeBusy(result) && result.measurements.length < MOST_TIMES;
}

const results: Result[] = [];

function conclude(all: boolean): void {
  const kept = results.filter(isKept).length;
  const missed = results.length - kept + (all && results.length > 0 ? 0 : 1);
  console.log(`\n${tableOf(results)}\n`);
  // As mocha says it, so that it is counted in the same way.
  console.log(`  ${kept} passing`);
  if (missed > 0) console.log(`  ${missed} failing`);
  process.exit(missed === 0 ? 0 : 1);
}

// Ended before its time, it leaves nothing running, and tells what it knows.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().finally(() => conclude(false)));

for (const row of await rows()) {
  const result = { fault: row.fault, row, measurements: [], tookMs: 0 };
  results.push(result);
  await measure(result);
}
// When all had their turn: whatever kept the machine busy has had time to end, and no row takes another's.
for (let turn = 1; turn < MOST_TIMES; turn++)
  for (const result of results.filter(mayBeMeasuredAgain))
    if (performance.now() + result.tookMs + SPARE_MS < WITHIN_MS) await measure(result);
await end();
conclude(true);
