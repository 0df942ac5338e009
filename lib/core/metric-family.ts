/** One line of a metric. */
export type Row = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A counter or gauge whose values are read at each scrape. */
export interface Family {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly rows: () => Iterable<Row>;
}
