import uPlot from 'uplot';
import type { Period, TimeBucket } from '../shared/contract.js';
import { el, setText } from '../shared/element.js';
import { axisName, BUCKET_NAMES, tickLabels } from './time-axis.js';

/** A line or row of bars in a chart. */
export interface ChartSeries {
  readonly label: string;
  /** CSS variable that holds its colour. */
  readonly colour: string;
  readonly bars?: boolean;
  readonly dash?: number[];
  /** `null` leaves a gap. */
  read(bucket: TimeBucket): number | null;
}

/** What a chart draws. */
export interface ChartParts {
  readonly series: readonly ChartSeries[];
  /** Fills between these two, by their place in `series`. */
  readonly bands?: readonly (readonly [upper: number, lower: number])[];
  /** What the values are, beside their axis; `unit` is `minute`, `hour` or `day`. */
  label(unit: string): string;
  /** Label of a value on the axis. */
  value(value: number): string;
  /** Least difference between two values that labels can tell apart. */
  readonly leastStep: number;
  /** Called with the bucket at the pointer. */
  pointed(bucket: TimeBucket | undefined): void;
}

const HEIGHT = 200;

/** A chart of buckets over time. It adapts to the width of its box and the colours of the page. */
export class Chart {
  readonly box = el('div', { class: 'chart', role: 'img' });
  readonly #parts: ChartParts;
  #plot: uPlot | undefined;
  #buckets: readonly TimeBucket[] = [];
  #period: Period = 'all';

  constructor(parts: ChartParts) {
    this.#parts = parts;
    new ResizeObserver(() => this.#resize()).observe(this.box);
    for (const look of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
      matchMedia(look).addEventListener('change', () => this.#plot?.redraw(false));
    }
  }

  /** Draws these buckets; `summary` is the text for screen readers. */
  draw(buckets: readonly TimeBucket[], period: Period, summary: string): void {
    if (period !== this.#period) this.#plot = void this.#plot?.destroy();
    this.#period = period;
    this.#buckets = buckets;
    this.box.setAttribute('aria-label', summary);
    const data = this.#data();
    if (this.#plot) this.#plot.setData(data);
    else if (this.box.clientWidth > 0) this.#plot = new uPlot(this.#options(), data, this.box);
  }

  #data(): uPlot.AlignedData {
    const times = this.#buckets.map(({ start }) => start / 1000);
    return [times, ...this.#parts.series.map(({ read }) => this.#buckets.map(read))];
  }

  #resize(): void {
    const width = this.box.clientWidth;
    if (width === 0) return;
    if (this.#plot) this.#plot.setSize({ width, height: HEIGHT });
    else this.#plot = new uPlot(this.#options(), this.#data(), this.box);
  }

  #halfBucket(): number {
    return (this.#buckets[0]?.lengthMs ?? 0) / 2000;
  }

  #options(): uPlot.Options {
    const { series, bands = [], label, value, leastStep, pointed } = this.#parts;
    const period = this.#period;
    const axis = {
      stroke: () => colour('--muted'),
      grid: { stroke: () => colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
      labelFont: '11px system-ui, sans-serif',
      labelSize: 16,
      labelGap: 0,
    };
    return {
      width: this.box.clientWidth,
      height: HEIGHT,
      // The label of the last time reaches beyond its place.
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      ...(period === 'daily'
        ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') }
        : {}),
      scales: {
        // Half a bucket on either side; otherwise the first and the last bar would be cut in half.
        x: { range: (_plot, first, last) => [first - this.#halfBucket(), last + this.#halfBucket()] },
        y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.08)] },
      },
      axes: [
        {
          ...axis,
          label: axisName(period),
          grid: { show: false },
          space: 60,
          size: 24,
          values: (_plot, ticks, _axis, _space, step) => tickLabels(ticks, step, period),
        },
        {
          ...axis,
          label: label(BUCKET_NAMES[period].unit),
          size: 52,
          space: 36,
          incrs: stepsFrom(leastStep),
          values: (_plot, ticks) => ticks.map(value),
        },
      ],
      series: [{}, ...series.map((one) => plotSeries(one))],
      // uPlot counts the times as its first series.
      bands: bands.map(([upper, lower]) => ({
        series: [upper + 1, lower + 1],
        fill: () => colour('--band'),
      })),
      hooks: { setCursor: [({ cursor }) => pointed(this.#buckets[cursor.idx ?? -1])] },
    };
  }
}

/** Steps between the labels of an axis: 1, 2 and 5 times the least one, and these times 10, 100 ... */
function stepsFrom(least: number): number[] {
  const tens = Array.from({ length: 15 }, (_, power) => 10 ** power);
  return tens.flatMap((ten) => [1, 2, 5].map((first) => first * ten * least));
}

function plotSeries({ label, colour: name, bars, dash }: ChartSeries): uPlot.Series {
  const paint = () => colour(name);
  if (!bars) {
    const points = { show: false, filter: alone, size: 6, width: 0, stroke: paint, fill: paint };
    return { label, stroke: paint, width: 1.75, dash: dash ?? [], points };
  }
  return {
    label,
    stroke: paint,
    fill: paint,
    width: 0,
    points: { show: false },
    paths: uPlot.paths.bars?.({ size: [0.78, 28], gap: 0 }),
  };
}

/** The values without a neighbour: no line leads to them, so that only a point shows them. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const isGap = (i: number) => (values[i] ?? null) === null;
  const all = Array.from(values, (_, i) => i);
  return all.filter((i) => !isGap(i) && isGap(i - 1) && isGap(i + 1));
}

/** Takes a colour as an element would have it: a canvas does not know those of the reader's system. */
const probe = el('span', { class: 'probe', hidden: true });

function colour(name: string): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/** The legend of a chart, in the order of its series. */
export function chartKey(series: readonly ChartSeries[]): HTMLElement {
  const items = series.map(({ label, colour: name, bars, dash }) => {
    const kind = bars ? 'bar' : dash ? `dash-${dash.length > 0 ? dash[0] : 0}` : 'solid';
    return el('li', { 'data-colour': name.slice(2), 'data-kind': kind }, label);
  });
  return el('ul', { class: 'key' }, ...items);
}

/** A text that changes with the pointer; hidden from screen readers, since the table below has the same data. */
export class Readout {
  readonly element = el('p', { class: 'readout number', 'aria-hidden': 'true' });

  show(text: string): void {
    setText(this.element, text);
  }
}
