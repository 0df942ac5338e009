import type { Check } from './row.js';

/** A row, and each time that it was measured. */
export interface MeasuredRow {
  readonly fault: string;
  readonly measurements: readonly (readonly Check[])[];
}

/** Whether all limits were kept when it was measured last, and those of counts always. */
export function isKept({ measurements }: MeasuredRow): boolean {
  const last = measurements.at(-1) ?? [];
  const counts = measurements.flat().filter(({ isTime }) => !isTime);
  return last.length > 0 && [...last, ...counts].every(({ ok }) => ok);
}

/** Whether to measure again: a limit of time was passed, and none else. */
export function mayBeBusy({ measurements }: MeasuredRow): boolean {
  const missed = measurements.flat().filter(({ ok }) => !ok);
  const lastMissed = (measurements.at(-1) ?? []).some(({ ok }) => !ok);
  return lastMissed && missed.every(({ isTime }) => isTime);
}

/** The table as text; where a row was measured again, with all values. */
export function tableOf(rows: readonly MeasuredRow[]): string {
  const lines = [['fault', 'must show', 'measured', 'ok'], ...rows.flatMap(linesOf)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const format = (line: readonly string[]): string =>
    `| ${widths.map((width, column) => (line[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [head = [], ...body] = lines;
  return [format(head), rule, ...body.map(format)].join('\n');
}

function linesOf({ fault, measurements }: MeasuredRow): string[][] {
  const last = measurements.at(-1) ?? [];
  return last.map(({ mustShow, ok }, i) => {
    const measured = measurements.map((checks) => checks.find((check) => check.mustShow === mustShow));
    const values = measured.flatMap((check) => (check ? [check.measured] : []));
    const kept = ok && measured.every((check) => !check || check.ok || check.isTime);
    return [i === 0 ? fault : '', mustShow, values.join(', then '), kept ? 'yes' : 'NO'];
  });
}
