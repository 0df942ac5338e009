import type { Period, TimeBucket, View } from '../shared/contract.js';
import { byId, el, setText } from '../shared/element.js';
import { Chart, type ChartSeries, chartKey, Readout } from './chart.js';
import { BUCKET_NAMES, bucketLabel, bucketTitle } from './time-axis.js';

/** What one panel with a chart shows. */
export interface PanelParts {
  readonly id: string;
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly bands?: readonly (readonly [upper: number, lower: number])[];
  /** What the values are, beside their axis; `unit` is `minute`, `hour` or `day`. */
  label(unit: string): string;
  /** Label of a value on the axis. */
  value(value: number): string;
  /** Least difference between two values that labels can tell apart. */
  readonly leastStep: number;
  /** Values of a bucket in words. */
  words(bucket: TimeBucket): string;
  /** Columns of the table with the same data as the chart. */
  readonly columns: readonly (readonly [name: string, read: (bucket: TimeBucket) => string])[];
  /** The chart in a sentence. */
  summary(buckets: readonly TimeBucket[]): string;
}

/** A chart with its legend, the values at the pointer, and the same data as a table. */
export class ChartPanel {
  readonly #parts: PanelParts;
  readonly #chart: Chart;
  readonly #caption = el('span', { class: 'caption' });
  readonly #readout = new Readout();
  readonly #empty = el('p', { class: 'nothing' });
  readonly #key: HTMLElement;
  readonly #rows = el('tbody');
  readonly #table: HTMLDetailsElement;
  #view: View | undefined;
  #pointed = false;

  constructor(parts: PanelParts) {
    this.#parts = parts;
    const { id, title, series, bands, columns, label, value, leastStep } = parts;
    const pointed = (bucket?: TimeBucket) => this.#point(bucket);
    this.#chart = new Chart({ series, bands, label, value, leastStep, pointed });
    this.#key = chartKey(series);
    const heads = ['Start', ...columns.map(([name]) => name)].map((name) => el('th', { scope: 'col' }, name));
    const table = el('table', {}, el('thead', {}, el('tr', {}, ...heads)), this.#rows);
    const region = el(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${title} as a table` },
      table,
    );
    this.#table = el('details', { class: 'as-table' }, el('summary', {}, 'As a table'), region);
    this.#table.addEventListener('toggle', () => this.#fill());
    byId(id).append(
      el('header', {}, el('h2', { id: `${id}-title` }, title), this.#caption),
      el('div', { class: 'legend' }, this.#key, this.#readout.element),
      this.#chart.box,
      this.#empty,
      this.#table,
    );
  }

  /** Shows the buckets of a view. */
  show(view: View): void {
    this.#view = view;
    const { unit, span } = BUCKET_NAMES[view.bucketsOf];
    const called = view.buckets.some(({ total }) => total > 0);
    setText(this.#caption, view.buckets.length === 0 ? '' : `per ${unit}, ${spanOf(view, span)}`);
    setText(this.#empty, called ? '' : nothing(view));
    this.#empty.hidden = called;
    for (const part of [this.#chart.box, this.#key, this.#table]) part.hidden = !called;
    this.#readout.element.hidden = !called;
    if (!called) return;
    this.#chart.draw(view.buckets, view.bucketsOf, this.#parts.summary(view.buckets));
    if (!this.#pointed) this.#say(view.buckets.at(-1));
    this.#fill();
  }

  #point(bucket: TimeBucket | undefined): void {
    this.#pointed = bucket !== undefined;
    this.#say(bucket ?? this.#view?.buckets.at(-1));
  }

  #say(bucket: TimeBucket | undefined): void {
    if (bucket && this.#view) {
      this.#readout.show(`${bucketLabel(bucket.start, this.#view.bucketsOf)}  ${this.#parts.words(bucket)}`);
    }
  }

  #fill(): void {
    const view = this.#view;
    if (!this.#table.open || !view) return;
    const lines = [...view.buckets].reverse().map((bucket) => this.#row(bucket, view.bucketsOf));
    this.#rows.replaceChildren(...lines);
  }

  #row(bucket: TimeBucket, period: Period): HTMLElement {
    const cells = this.#parts.columns.map(([, read]) => el('td', {}, read(bucket)));
    const label = bucketLabel(bucket.start, period);
    return el('tr', {}, el('th', { scope: 'row', title: bucketTitle(bucket.start) }, label), ...cells);
  }
}

/** For a single path, days and hours reach back less far. */
function spanOf({ path, bucketsOf }: View, span: string): string {
  if (path === undefined) return span;
  return bucketsOf === 'hourly' ? 'the last 24 hours' : 'the last 7 days';
}

function nothing({ path, period }: View): string {
  if (period !== 'all') return 'No calls in this period.';
  return path === undefined ? 'No calls in the last hour.' : 'No calls in the last 24 hours.';
}
