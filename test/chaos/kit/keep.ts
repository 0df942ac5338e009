import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes lines of JSON into the folder of CHAOS_LOGS, if it is set, for whoever wants to know more than the table says. */
export function keep(name: string, lines: readonly unknown[]): void {
  const folder = process.env.CHAOS_LOGS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  writeFileSync(join(folder, `${new Date().toISOString()}-${name}.jsonl`), text);
}
