import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Family } from '../core/metric-family.js';
import type { BucketCounts } from './bucket-counts.js';
import type { MetricsRegistry } from './metrics-options.js';

/** A histogram that is read at each scrape. */
export interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly read: () => Iterable<readonly [labels: Readonly<Record<string, string>>, buckets: BucketCounts]>;
}

/** What a metric of a registry is read from. */
export type Source = (Family & { readonly type: 'counter' | 'gauge' }) | HistogramFamily;

/** A slice of the page takes about so long; calls go on between two of them. */
const SLICE_MS = 5;
/** Lines between two looks at the clock. */
const LINES = 128;

/**
 * Renders the page of a registry as prom-client does, in slices: of five hundred APIs it has a hundred thousand lines.
 * @param sourceOf what a metric is read from; what prom-client has itself it renders
 */
export async function renderPage(
  registry: MetricsRegistry,
  sourceOf: (name: string) => Source | undefined,
  isOpenMetrics: boolean,
): Promise<string> {
  const page = new Page(isOpenMetrics);
  let isFirst = true;
  for (const { name } of registry.getMetricsAsArray() as readonly { readonly name: string }[]) {
    if (!isFirst && !isOpenMetrics) page.add('');
    isFirst = false;
    const source = sourceOf(name);
    if (!source) page.add(await registry.getSingleMetricAsString(name));
    else if ('read' in source) await page.addHistogram(name, source);
    else await page.addFamily(name, source);
  }
  if (isOpenMetrics) page.add('# EOF');
  return page.end();
}

class Page {
  readonly #isOpenMetrics: boolean;
  /** Texts of many lines: to join all lines at the end would take long by itself. */
  readonly #texts: string[] = [];
  #lines: string[] = [];
  #begun = performance.now();

  constructor(isOpenMetrics: boolean) {
    this.#isOpenMetrics = isOpenMetrics;
  }

  add(line: string): void {
    this.#lines.push(line);
  }

  async addFamily(name: string, { type, help, labels, rows }: Family): Promise<void> {
    const isCounter = type === 'counter';
    // Rows with the same labels are one series, of which prom-client adds up counters.
    const values = new Map<string, number>();
    if (labels.length === 0) values.set('', 0);
    let read = 0;
    for (const [row, value] of rows()) {
      const text = labelText(row);
      values.set(text, isCounter ? (values.get(text) ?? 0) + value : value);
      if (++read % LINES === 0 && this.#isLate()) await this.#pause();
    }
    const base = this.#isOpenMetrics && isCounter ? name.replace(/_total$/, '') : name;
    const line = this.#isOpenMetrics && isCounter ? `${base}_total` : base;
    this.#head(base, help, type);
    for (const [labelled, value] of values) {
      this.add(
        labelled === '' ? `${line} ${numberText(value)}` : `${line}{${labelled}} ${numberText(value)}`,
      );
      if (this.#isLong() && this.#isLate()) await this.#pause();
    }
  }

  async addHistogram(name: string, { help, read }: HistogramFamily): Promise<void> {
    this.#head(name, help, 'histogram');
    for (const [row, { boundsMs, counts, sumMs }] of read()) {
      const labelled = labelText(row);
      const further = labelled === '' ? '' : `,${labelled}`;
      let total = 0;
      // At once: what is counted meanwhile belongs to all of its lines or to none.
      for (let i = 0; i < counts.length; i++) {
        total += counts[i] ?? 0;
        const bound = boundsMs[i];
        this.add(`${name}_bucket{le="${bound === undefined ? '+Inf' : bound / 1000}"${further}} ${total}`);
      }
      const braces = labelled === '' ? '' : `{${labelled}}`;
      this.add(`${name}_sum${braces} ${numberText(sumMs / 1000)}`);
      this.add(`${name}_count${braces} ${total}`);
      if (this.#isLong() && this.#isLate()) await this.#pause();
    }
  }

  end(): string {
    this.#flush();
    return `${this.#texts.join('\n')}\n`;
  }

  #head(name: string, help: string, type: string): void {
    this.add(`# HELP ${name} ${escaped(help)}`);
    this.add(`# TYPE ${name} ${type}`);
  }

  #isLong(): boolean {
    if (this.#lines.length < LINES) return false;
    this.#flush();
    return true;
  }

  #flush(): void {
    if (this.#lines.length > 0) this.#texts.push(this.#lines.join('\n'));
    this.#lines = [];
  }

  #isLate(): boolean {
    return performance.now() - this.#begun >= SLICE_MS;
  }

  async #pause(): Promise<void> {
    await nextTurn();
    this.#begun = performance.now();
  }
}

function labelText(labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name in labels) {
    const value = escaped(labels[name] ?? '').replaceAll('"', '\\"');
    text += text === '' ? `${name}="${value}"` : `,${name}="${value}"`;
  }
  return text;
}

const SPECIAL = /[\\\n"]/;

/** The quotes are the caller's, where they matter. */
function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n') : text;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  if (Number.isNaN(value)) return 'Nan';
  return value < 0 ? '-Inf' : '+Inf';
}
