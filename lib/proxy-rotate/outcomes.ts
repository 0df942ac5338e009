import type { EgressProxy } from './egress-proxy.js';

interface Count {
  worked: number;
  failed: number;
}

/** What has happened since the first failure of a proxy. */
interface Comparison {
  readonly own: Count;
  /** All that had happened before. */
  readonly before: Readonly<Count>;
  /** How often the others had worked at each of its last failures. */
  readonly othersWorked: number[];
}

/** After this many outcomes a comparison begins anew. */
const MANY = 1000;
/** Failures of one proxy that can be chance. */
const FEW = 3;

/**
 * How the requests for one target have ended that were sent through its proxies. A response that does not come, or that
 * breaks off, may be the target's doing or the proxy's: it is the proxy's where it happens through that one far more often
 * than through the others in the same time, and these work meanwhile.
 */
export class Outcomes {
  readonly #all: Count = { worked: 0, failed: 0 };
  /** Of the proxies that have failed. */
  readonly #of = new Map<EgressProxy, Comparison>();
  /** What counts as known of the target begins here. */
  #start: Readonly<Count> = { worked: 0, failed: 0 };
  #nextStart = this.#start;
  #lookAgainAt = MANY;

  worked(proxy: EgressProxy): void {
    this.#all.worked++;
    if (this.#of.size === 0) return;
    const comparison = this.#of.get(proxy);
    if (comparison) comparison.own.worked++;
  }

  /** @returns whether the proxy fails far more often than the others */
  failed(proxy: EgressProxy): boolean {
    this.#forget();
    const { own, before, othersWorked } = this.#of.get(proxy) ?? this.#begin(proxy);
    own.failed++;
    this.#all.failed++;
    const others = between(before, this.#all, own);
    othersWorked.push(others.worked);
    if (othersWorked.length < FEW) return false;
    // In an outage of the target none works, however often all have worked before. Of two proxies in turn one works between
    // failures of the other.
    const [since = 0] = othersWorked.splice(0, 1);
    // Just now, or for some time: there may have been few just now.
    const usual = Math.max(ratio(others), ratio(between(this.#start, this.#all, own)));
    const isOut = others.worked - since >= FEW - 1 && ratio(own) > 0.1 + 4 * usual;
    if (isOut) this.#of.delete(proxy);
    return isOut;
  }

  #begin(proxy: EgressProxy): Comparison {
    const comparison = { own: { worked: 0, failed: 0 }, before: { ...this.#all }, othersWorked: [] };
    this.#of.set(proxy, comparison);
    return comparison;
  }

  #forget(): void {
    const total = sum(this.#all);
    if (total < this.#lookAgainAt) return;
    this.#lookAgainAt = total + MANY;
    this.#start = this.#nextStart;
    this.#nextStart = { ...this.#all };
    for (const [proxy, { before }] of this.#of) if (total - sum(before) >= MANY) this.#of.delete(proxy);
  }
}

const sum = ({ worked, failed }: Readonly<Count>): number => worked + failed;

/** What has happened in a time, without a part of it. */
const between = (start: Readonly<Count>, end: Readonly<Count>, part: Readonly<Count>): Count => ({
  worked: Math.max(0, end.worked - start.worked - part.worked),
  failed: Math.max(0, end.failed - start.failed - part.failed),
});

const ratio = (count: Count): number => count.failed / Math.max(1, sum(count));
