// Faults, and what must hold while they last: see README.md.
//   npm run test:chaos -- [--only=REGEX]
import { readdirSync } from 'node:fs';
import { cleanUp } from '../support/cleanup.js';
import { within } from '../support/until.js';
import { type Check, hard, type Row, type Scene } from './kit/row.js';
import { isKept, type MeasuredRow, mayBeBusy, tableOf } from './kit/table.js';

const MOST_TIMES = 3;
/** Nothing is measured again from here on: the table has to be printed. */
const AGAIN_UNTIL_MS = 400_000;
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

async function run(row: Row): Promise<MeasuredRow> {
  const from = performance.now();
  const measurements = [await measured(row)];
  const result: MeasuredRow = { fault: row.fault, measurements };
  while (mayBeBusy(result) && measurements.length < MOST_TIMES && performance.now() < AGAIN_UNTIL_MS) {
    // From a new start: what a fault has left behind must not count twice.
    await end();
    measurements.push(await measured(row));
  }
  if (!isKept(result)) await end();
  const seconds = ((performance.now() - from) / 1000).toFixed(0);
  console.log(`${isKept(result) ? 'ok    ' : 'FAILED'} ${row.fault} (${seconds} s)`);
  return result;
}

const results: MeasuredRow[] = [];

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

for (const row of await rows()) results.push(await run(row));
await end();
conclude(true);
