/** Times counted in fixed buckets: an observation costs a short search and no memory. */
export class BucketCounts {
  /** Upper bounds in milliseconds, ascending. */
  readonly boundsMs: readonly number[];
  /** Observations by bucket; the last bucket is above every bound. */
  readonly counts: Float64Array;
  sumMs = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.counts = new Float64Array(boundsMs.length + 1);
  }

  observe(ms: number): void {
    const { boundsMs, counts } = this;
    let i = 0;
    while (i < boundsMs.length && ms > (boundsMs[i] ?? 0)) i++;
    counts[i] = (counts[i] ?? 0) + 1;
    this.sumMs += ms;
  }
}
