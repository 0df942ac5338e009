/** One line of a metric. */
export type Row = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A counter or gauge whose values are read at each scrape. */
export interface Family {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** It is about the process: its name is that which all programs have, without a prefix. */
  readonly isProcess?: true;
  readonly rows: () => Iterable<Row>;
}
