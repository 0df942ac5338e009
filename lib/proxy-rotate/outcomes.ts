import type { EgressProxy } from './egress-proxy.js';

interface Count {
  worked: number;
  failed: number;
}

/** Beyond this many outcomes, old ones count half. */
const MANY = 1000;
/** Failures of one proxy that can be chance. */
const FEW = 3;

/**
 * How the requests for one target have ended that were sent through its proxies. A connection that breaks off may be
 * the target's doing or the proxy's: it is the proxy's where it happens through that one far more often than through the others.
 */
export class Outcomes {
  readonly #all: Count = { worked: 0, failed: 0 };
  /** Of the proxies that have failed. */
  readonly #of = new Map<EgressProxy, Count>();

  worked(proxy: EgressProxy): void {
    this.#all.worked++;
    if (this.#of.size === 0) return;
    const count = this.#of.get(proxy);
    if (count) count.worked++;
    this.#forget();
  }

  /** @returns whether the proxy fails far more often than the others */
  failed(proxy: EgressProxy): boolean {
    const { worked, failed } = this.#all;
    const own = this.#of.get(proxy) ?? { worked: 0, failed: 0 };
    this.#of.set(proxy, own);
    own.failed++;
    this.#all.failed++;
    this.#forget();
    if (own.failed < FEW) return false;
    const others = { worked: worked - own.worked, failed: failed + 1 - own.failed };
    const isOut = others.worked >= FEW && ratio(own) > 0.1 + 4 * ratio(others);
    if (isOut) this.#of.delete(proxy);
    return isOut;
  }

  #forget(): void {
    if (this.#all.worked + this.#all.failed < MANY) return;
    for (const [proxy, count] of [...this.#of]) {
      halve(count);
      if (count.failed === 0) this.#of.delete(proxy);
    }
    halve(this.#all);
  }
}

const ratio = ({ worked, failed }: Count): number => failed / Math.max(1, worked + failed);

function halve(count: Count): void {
  count.worked >>= 1;
  count.failed >>= 1;
}
