/** A page of metrics, read as a scraper reads it. */
export interface MetricsPage {
  /** Value of the line with these labels; `undefined` where there is none. */
  value(name: string, labels?: Record<string, string>): number | undefined;
  /** Sum over the lines of a name that have at least these labels. */
  sum(name: string, labels?: Record<string, string>): number;
  /** Type of each metric that is announced. */
  readonly types: ReadonlyMap<string, string>;
  readonly lines: readonly Line[];
}

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @throws Error where a line is not of the format */
export function readPage(text: string): MetricsPage {
  const types = new Map<string, string>();
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type?.[1] && type[2]) types.set(type[1], type[2]);
    if (line === '' || line.startsWith('# ')) continue;
    lines.push(readLine(line));
  }
  const having = (name: string, labels: Record<string, string>) =>
    lines.filter(
      (line) =>
        line.name === name && Object.entries(labels).every(([key, value]) => line.labels[key] === value),
    );
  return {
    types,
    lines,
    value: (name, labels = {}) =>
      having(name, labels).find((line) => Object.keys(line.labels).length === Object.keys(labels).length)
        ?.value,
    sum: (name, labels = {}) => having(name, labels).reduce((sum, { value }) => sum + value, 0),
  };
}

function readLine(line: string): Line {
  const [, name, labelText = '', number] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (!name || !number || Number.isNaN(Number(number.replace('Inf', 'Infinity'))))
    throw new Error(`No line: ${line}`);
  const labels = Object.fromEntries(
    [...labelText.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', value = '']) => [
      key,
      value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ]),
  );
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) };
}
