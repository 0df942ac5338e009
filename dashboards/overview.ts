import type { Figures, StatsSource } from '../lib/stats/stats-source.js';
import type { ApiState, Overview } from './client/shared/contract.js';

/** Minutes that the overview covers. */
const OVERVIEW_MINUTES = 10;
/** APIs that are read each time: one takes about a millisecond. */
const MAX_READ = 100;
/** Of these, APIs whose calls did not all succeed when they were read last. */
const MAX_TROUBLED = 50;
/** APIs that are read without a pause for other work. */
const AT_ONCE = 20;

/**
 * Reads how each API did in the last minutes. Of more than a hundred APIs it reads all the first time, and then those
 * with trouble each time and the others in turn.
 */
export class OverviewReader {
  readonly #source: StatsSource;
  /** In the order in which they were read. */
  readonly #states = new Map<string, ApiState>();

  constructor(source: StatsSource) {
    this.#source = source;
  }

  /** The overview of all APIs, by name. */
  async read(): Promise<Overview> {
    const names = await this.#source.apis();
    const known = new Set(names);
    for (const api of this.#states.keys()) if (!known.has(api)) this.#states.delete(api);
    const due = this.#dueOf(names);
    for (let from = 0; from < due.length; from += AT_ONCE) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve));
      await Promise.all(due.slice(from, from + AT_ONCE).map((api) => this.#readOne(api)));
    }
    const redis = this.#source.storeProblem?.();
    return {
      minutes: OVERVIEW_MINUTES,
      apis: names.map((api) => this.#states.get(api) ?? stateOf(api, [])),
      ...(redis !== undefined && { redis }),
    };
  }

  #dueOf(names: readonly string[]): readonly string[] {
    const unread = names.filter((api) => !this.#states.has(api));
    const troubled = [...this.#states.values()].filter(hasTrouble).slice(0, MAX_TROUBLED);
    const due = new Set([...unread, ...troubled.map(({ api }) => api)]);
    for (const api of this.#states.keys()) {
      if (due.size >= MAX_READ) break;
      due.add(api);
    }
    return [...due];
  }

  async #readOne(api: string): Promise<void> {
    const view = await this.#source.view({ api, period: 'all', errors: 0 });
    this.#states.delete(api);
    this.#states.set(api, stateOf(api, view?.buckets.slice(-OVERVIEW_MINUTES) ?? []));
  }
}

const hasTrouble = ({ failure, refused, aborted, clientError, attemptsFailed }: ApiState): boolean =>
  failure + refused + aborted + clientError + attemptsFailed > 0;

function stateOf(api: string, buckets: readonly Figures[]): ApiState {
  const sum = (read: (figures: Figures) => number): number =>
    buckets.reduce((all, bucket) => all + read(bucket), 0);
  return {
    api,
    total: sum(({ total }) => total),
    failure: sum(({ failure }) => failure),
    clientError: sum(({ outcomes }) => outcomes.clientError),
    refused: sum(({ outcomes }) => outcomes.refused),
    aborted: sum(({ outcomes }) => outcomes.aborted),
    attempts: sum(({ attempts }) => attempts),
    attemptsFailed: sum(({ attemptResults }) => attemptResults.failure),
  };
}
