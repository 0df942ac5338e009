import type { Clock } from '../../core/steady-clock.js';
import type { Refusal } from '../refusal.js';
import type { Consumed, LocalQuotaEngine, QuotaAlgorithm, QuotaEngine, QuotaLimit } from './engine.js';
import { memoryQuota } from './memory-quota.js';
import { boundedKey } from './redis-keys.js';
import { UsedKeys } from './used-keys.js';

/** What one call holds of one limit. */
interface Share {
  readonly points: number;
  /** End of its window. Given back later, it would be more for the next window. */
  readonly endsAt: number;
  readonly mark: number | undefined;
  readonly from: QuotaEngine;
  /** It counts calls, whatever they cost. */
  readonly perCall: boolean;
  /** How often each point counts: as often as there are processes, where it stands for those of the others too. */
  readonly times: number;
}

/** What became of the attempt to take points. */
interface Taking extends Consumed {
  readonly from: QuotaEngine;
  /** Points that were taken. */
  readonly counted: number;
  readonly times?: number;
  readonly lost?: boolean;
}

const LOST_AGAIN_MS = 1000;
const LOST: Refusal = { by: 'quota', waitMs: LOST_AGAIN_MS, againMs: LOST_AGAIN_MS, lost: true };

/** The right to one call. */
export interface Token {
  readonly key: string;
  readonly shares: readonly Share[];
}

/** One of the limits of a {@link Quota}. */
export interface QuotaTier extends QuotaLimit {
  /** For those who are refused; `undefined` if it is the API's main limit. */
  readonly name?: string;
  /** @default 'sliding' */
  readonly algorithm?: QuotaAlgorithm;
  /** Counts calls, whatever they cost. */
  readonly perCall?: boolean;
  /** Used first, if there is one; memory takes over when it does not respond in time. */
  readonly shared: QuotaEngine | undefined;
}

interface Tier extends QuotaTier {
  readonly memory: LocalQuotaEngine;
}

/**
 * The configured quotas: `limit`, and `burst` for when that is used up, and the further limits that a call has to keep as
 * well. Each key has its own. Beyond `maxKeys` in memory, the key that was unused for longest starts again: clients may
 * choose the keys, so their number is bounded.
 */
export class Quota {
  /** For each limit, the tiers of which one has to have enough. */
  readonly #limits: readonly (readonly Tier[])[];
  readonly #clock: Clock;
  readonly #lost: () => number;
  readonly #keys: UsedKeys;
  #closed = false;

  /**
   * @param tiers `limit` and `burst`
   * @param further limits that hold as well
   * @param lost by how many processes a shared limit is divided when it is out of reach; `Infinity`: no call may go
   */
  constructor(
    tiers: readonly QuotaTier[],
    maxKeys: number,
    clock: Clock,
    further: readonly QuotaTier[] = [],
    lost: () => number = () => 1,
  ) {
    this.#lost = lost;
    const open = (tier: QuotaTier): Tier => ({
      ...tier,
      memory: memoryQuota(tier.algorithm ?? 'sliding', tier, clock),
    });
    const limits = [tiers.map(open), ...further.map((tier) => [open(tier)])];
    this.#limits = limits.filter((alternatives) => alternatives.length > 0);
    this.#keys = new UsedKeys(maxKeys, (key) => {
      for (const [, { memory }] of this.#named()) memory.forget(key);
    });
    this.#clock = clock;
  }

  /** A token for this key, or when to try again. @param cost what the call takes of limits that do not count calls */
  async take(clientKey: string, cost = 1): Promise<Token | Refusal> {
    const key = boundedKey(clientKey);
    const shares: Share[] = [];
    for (const tiers of this.#limits) {
      const taken = await this.#takeOne(tiers, key, cost);
      if ('by' in taken) {
        this.giveBack({ key, shares });
        return taken;
      }
      shares.push(taken);
    }
    return { key, shares };
  }

  /** How long {@link take} would have to wait now, where that is known without asking others: else 0. */
  waitMs(key: string, cost = 1): number {
    return Math.max(
      0,
      ...this.#limits.map((tiers) =>
        Math.min(
          ...tiers.map(({ shared, memory, perCall, limit }) =>
            shared ? 0 : (memory.waitMs?.(key, perCall ? 1 : Math.min(cost, limit)) ?? 0),
          ),
        ),
      ),
    );
  }

  /** Gives back an unused token. */
  giveBack({ key, shares }: Token): void {
    for (const { points, endsAt, mark, from } of shares)
      if (points > 0 && this.#clock() < endsAt) from.reward(key, points, mark);
  }

  /** Corrects what a call has taken of the limits that count tokens, once it is known what it has used. */
  settle({ key, shares }: Token, used: number): void {
    for (const { points, endsAt, mark, from, perCall, times } of shares) {
      if (perCall) continue;
      const owed = used * times;
      if (owed > points) from.charge(key, owed - points);
      else if (owed < points && this.#clock() < endsAt) from.reward(key, points - owed, mark);
    }
  }

  /** Every limit, with what is left of it to calls without a key, as far as this process knows. */
  status(): (QuotaLimit & { name: string; remaining: number | undefined })[] {
    return this.#named().map(([name, { limit, windowMs, shared, memory }]) => ({
      name,
      limit,
      windowMs,
      remaining: shared ? shared.left?.('') : memory.left?.(''),
    }));
  }

  /** Another comes in its place. */
  retire(): void {
    for (const [, { shared }] of this.#named()) shared?.retire?.();
  }

  /** Comes in the place of another: what a limit of the same kind has counted goes on to count. */
  resume(known: Quota): void {
    const tiers = new Map(this.#named());
    for (const [name, { memory, shared }] of known.#named()) {
      const next = tiers.get(name);
      if (shared) next?.shared?.resume?.(shared);
      if (!next?.memory.resume(memory)) for (const key of known.#keys) memory.forget(key);
    }
    this.#keys.resume(known.#keys);
  }

  /** Forgets what memory has counted. */
  reset(): void {
    this.#keys.clear();
  }

  /** Clears the timers of quotas in memory. */
  close(): void {
    this.#closed = true;
    this.#keys.close();
    for (const [, { shared }] of this.#named()) shared?.close?.();
  }

  /** Every limit, by what it is called. */
  #named(): [name: string, tier: Tier][] {
    return this.#limits.flatMap((tiers) =>
      tiers.map((tier, at): [string, Tier] => [tier.name ?? (at === 0 ? 'limit' : 'burst'), tier]),
    );
  }

  async #takeOne(tiers: readonly Tier[], key: string, cost: number): Promise<Share | Refusal> {
    let waitMs = Number.POSITIVE_INFINITY;
    for (const tier of tiers) {
      // A call that costs more than the limit takes all of it: else it could never go.
      const points = tier.perCall ? 1 : Math.min(cost, tier.limit);
      const { taken, leftMs, mark, from, counted, lost, times = 1 } = await this.#consume(tier, key, points);
      if (lost) return LOST;
      // A fixed quota in memory uses the wall clock, which may have been set back.
      const longestMs = tier.algorithm === 'spaced' ? tier.windowMs * Math.max(1, counted) : tier.windowMs;
      const boundedMs = Math.min(longestMs, Math.max(1, leftMs));
      const { perCall = false } = tier;
      if (taken) return { points: counted, endsAt: this.#clock() + boundedMs, mark, from, perCall, times };
      waitMs = Math.min(waitMs, boundedMs);
    }
    const [first] = tiers;
    return { by: 'quota', waitMs, name: first?.name, limit: first?.limit, windowMs: first?.windowMs };
  }

  async #consume({ shared, memory, limit }: Tier, key: string, points: number): Promise<Taking> {
    if (points === 0) return { taken: true, leftMs: 1, from: memory, counted: 0 };
    const consumed = await shared?.consume(key, points);
    if (shared && consumed) return { ...consumed, from: shared, counted: points };
    const processes = shared ? this.#lost() : 1;
    if (processes === Number.POSITIVE_INFINITY)
      return { taken: false, leftMs: 1, from: memory, counted: 0, lost: true };
    // Each call counts for those of the other processes too; one in a window may go in any case.
    const counted = Math.min(points * processes, limit);
    // A key in memory has a timer, which nobody would end.
    if (this.#closed) return { taken: false, leftMs: 1, from: memory, counted };
    this.#keys.use(key);
    return { ...(await memory.consume(key, counted)), from: memory, counted, times: processes };
  }
}
