import type { LiveApi } from './live-api.js';
import {
  type ApiParts,
  changedSources,
  PART_NAMES,
  type PartFactory,
  type PartName,
  type PartSources,
  partSources,
} from './parts.js';
import type { SortedOptions } from './sort-options.js';

/** What an update of the configuration has changed. */
export interface UpdateReport {
  /** Names of the APIs that are new. */
  readonly added: readonly string[];
  /** Names of the APIs that are gone. Calls in progress end undisturbed. */
  readonly removed: readonly string[];
  /**
   * The APIs that changed, each with its parts that were replaced, turned on or turned off. Its other parts keep their
   * state.
   */
  readonly changed: Readonly<Record<string, readonly PartName[]>>;
  /** Changed blocks that serve all APIs (`redis`, `stats`, `metrics`, `tracing`): they need a restart to apply. */
  readonly needsRestart: readonly string[];
}

/** Builds an API from its parts. */
export type BuildApi = (
  name: string,
  options: SortedOptions,
  parts: ApiParts,
  sources: PartSources,
) => LiveApi;

/** An API of the next configuration. */
interface Planned {
  readonly name: string;
  readonly options: SortedOptions;
  readonly sources: PartSources;
  /** The API as it is now. */
  readonly before: LiveApi | undefined;
  /** Nothing has changed. */
  readonly same: boolean;
  readonly kept: Partial<ApiParts>;
  readonly parts: Omit<ApiParts, 'breaker'>;
}

/** The APIs in service, and those that were replaced but still have calls in progress. */
export class LiveApis {
  /** In service, in the order of the configuration; always the same map. */
  readonly current = new Map<string, LiveApi>();
  /** By name: a part may be used by the next API of the same name, and by the one after that. */
  readonly #leaving = new Map<string, Set<LiveApi>>();
  readonly #factory: PartFactory;
  readonly #build: BuildApi;

  constructor(factory: PartFactory, build: BuildApi) {
    this.#factory = factory;
    this.#build = build;
  }

  /**
   * Replaces the APIs in service by these. If it throws, nothing has changed.
   * @throws InvalidOptionError
   */
  update(wanted: ReadonlyMap<string, SortedOptions>): Omit<UpdateReport, 'needsRestart'> {
    const planned = this.#plan(wanted);
    const before = new Map(this.current);
    const replaced = [...before.values()].filter(({ name }) => !wanted.has(name));
    const removed = replaced.map(({ name }) => name);
    for (const { breaker } of replaced) this.#close(breaker);
    this.current.clear();
    const changed: Record<string, PartName[]> = {};
    for (const plan of planned) {
      const api = this.#realize(plan);
      this.current.set(plan.name, api);
      if (!plan.before || plan.same) continue;
      replaced.push(plan.before);
      changed[plan.name] = differing(plan.before, api);
    }
    for (const api of replaced) this.#retire(api);
    return { added: [...wanted.keys()].filter((name) => !before.has(name)), removed, changed };
  }

  /** Creates what may throw, before anything is changed. */
  #plan(wanted: ReadonlyMap<string, SortedOptions>): Planned[] {
    const planned: Planned[] = [];
    try {
      for (const [name, options] of wanted) planned.push(this.#planOne(name, options));
      return planned;
    } catch (error) {
      for (const { parts, same, kept } of planned) {
        for (const name of PART_NAMES) {
          if (!same && name !== 'breaker' && parts[name] !== kept[name]) this.#close(parts[name]);
        }
      }
      throw error;
    }
  }

  #planOne(name: string, options: SortedOptions): Planned {
    const before = this.current.get(name);
    const sources = partSources(options);
    if (!before) {
      const parts = this.#factory.make(name, options, {});
      return { name, options, sources, before, same: false, kept: {}, parts };
    }
    const changed: readonly string[] = changedSources(before.sources, sources);
    const same = changed.length === 0;
    const keeps = PART_NAMES.filter((part) => !changed.includes(part));
    const kept: Partial<ApiParts> = Object.fromEntries(keeps.map((part) => [part, before[part]]));
    const parts = same ? before : this.#factory.make(name, options, kept);
    return { name, options, sources, before, same, kept, parts };
  }

  #realize({ name, options, sources, before, same, kept, parts }: Planned): LiveApi {
    if (before && same) return before;
    // At once: the next breaker needs its name in the registry. It still counts the calls in progress.
    if (before && !kept.breaker) this.#close(before.breaker);
    const breaker = kept.breaker ?? this.#factory.makeBreaker(name, options);
    const { cache, rateLimit, retry, proxyRotate, forward } = parts;
    return this.#build(name, options, { cache, rateLimit, breaker, retry, proxyRotate, forward }, sources);
  }

  #retire(api: LiveApi): void {
    const leaving = this.#leaving.get(api.name) ?? new Set();
    this.#leaving.set(api.name, leaving.add(api));
    api.whenIdle(() => {
      leaving.delete(api);
      if (leaving.size === 0 && this.#leaving.get(api.name) === leaving) this.#leaving.delete(api.name);
      const now = this.current.get(api.name);
      const others = now ? [...leaving, now] : [...leaving];
      for (const name of PART_NAMES) {
        if (!others.some((other) => other[name] === api[name])) this.#close(api[name]);
      }
    });
  }

  #close(part: unknown): void {
    // A connection that nobody uses could not be closed properly: no one needs to know.
    this.#factory.close(part).catch(() => {});
  }
}

function differing(before: ApiParts, now: ApiParts): PartName[] {
  return PART_NAMES.filter((name) => before[name] !== now[name]);
}
