import { allEnded } from '../core/closing.js';
import type { LiveApi } from './live-api.js';
import { type Api, type ApiParts, PART_NAMES, type PartName } from './part-list.js';
import { changedSources, type PartFactory, type PartSources, partSources } from './parts.js';
import type { SortedOptions } from './sort-options.js';

/** What an update of the configuration has changed. */
export interface UpdateReport {
  /** Names of the APIs that are new. */
  readonly added: readonly string[];
  /** Names of the APIs that are gone. Calls in progress end undisturbed. */
  readonly removed: readonly string[];
  /**
   * The APIs that changed, each with its parts that were replaced, turned on or turned off. Its other parts keep their
   * state; of those that were replaced, `concurrency` and `proxyRotate` go on with what they count.
   */
  readonly changed: Readonly<Record<string, readonly PartName[]>>;
  /** Changed blocks that serve all APIs (`redis`, `cacheBytes`, `stats`, `metrics`, `tracing`, `mount`): they need a restart. */
  readonly needsRestart: readonly string[];
}

/** Builds an API from its parts. */
export type BuildApi = (
  name: string,
  options: SortedOptions,
  parts: ApiParts,
  sources: () => PartSources,
) => LiveApi;

/** An API of the next configuration. */
interface Planned {
  readonly name: string;
  readonly options: SortedOptions;
  readonly sources: () => PartSources;
  /** The API as it is now. */
  readonly before: LiveApi | undefined;
  /** Nothing has changed. */
  readonly same: boolean;
  readonly kept: Partial<ApiParts>;
}

/** The APIs in service, and those that were replaced but still have calls in progress. */
export class LiveApis {
  /** In service, in the order of the configuration; always the same map. */
  readonly current = new Map<string, LiveApi>();
  /** What an application sees of them; always the same map. */
  readonly apis = new Map<string, Api>();
  /** By name: a part may be used by the next API of the same name, and by the one after that. */
  readonly #leaving = new Map<string, Set<LiveApi>>();
  /** The options of those in service. */
  #wanted: ReadonlyMap<string, SortedOptions> = new Map();
  readonly #factory: PartFactory;
  readonly #build: BuildApi;
  readonly #owned: boolean;

  /** @param owned nobody changes the objects that options consist of */
  constructor(factory: PartFactory, build: BuildApi, owned = false) {
    this.#factory = factory;
    this.#build = build;
    this.#owned = owned;
  }

  /**
   * Replaces the APIs in service by these. All that is new is made first: if anything of it throws, nothing has changed.
   * @throws InvalidOptionError
   */
  update(wanted: ReadonlyMap<string, SortedOptions>): Omit<UpdateReport, 'needsRestart'> {
    const before = new Map(this.current);
    const next = this.#factory.change(() => this.#made(wanted));
    this.#wanted = wanted;
    const removed = [...before.keys()].filter((name) => !next.has(name));
    const changed: Record<string, PartName[]> = {};
    this.current.clear();
    this.apis.clear();
    for (const [name, api] of next) {
      this.current.set(name, api);
      this.apis.set(name, api.api);
      const old = before.get(name);
      if (old && old !== api) changed[name] = differing(old.parts, api.parts);
    }
    for (const [name, api] of before) if (next.get(name) !== api) this.#retire(api);
    return { added: [...next.keys()].filter((name) => !before.has(name)), removed, changed };
  }

  /** Has all APIs in service forget what they have learned. */
  async reset(): Promise<void> {
    await allEnded([...this.current.values()].map(({ parts }) => this.#factory.reset(parts)));
  }

  #made(wanted: ReadonlyMap<string, SortedOptions>): ReadonlyMap<string, LiveApi> {
    const planned = [...wanted].map(([name, options]) => this.#plan(name, options));
    for (const [name, api] of this.current) if (!wanted.has(name)) this.#unlist(api, {});
    for (const { before, same, kept } of planned) if (before && !same) this.#unlist(before, kept);
    return new Map(planned.map((plan) => [plan.name, this.#realize(plan)]));
  }

  /** Takes the parts of an API that are not kept out of what is listed. */
  #unlist({ name, parts }: LiveApi, kept: Partial<ApiParts>): void {
    for (const part of PART_NAMES) if (parts[part] && !kept[part]) this.#factory.unlist(name, part);
  }

  #plan(name: string, options: SortedOptions): Planned {
    const before = this.current.get(name);
    if (before && this.#wanted.get(name) === options)
      return { name, options, sources: before.sources, before, same: true, kept: {} };
    const sources = this.#sourcesOf(name, options);
    if (!before) return { name, options, sources, before, same: false, kept: {} };
    const changed: readonly string[] = changedSources(before.sources(), sources());
    const keeps = PART_NAMES.filter((part) => !changed.includes(part));
    const kept: Partial<ApiParts> = Object.fromEntries(keeps.map((part) => [part, before.parts[part]]));
    return { name, options, sources, before, same: changed.length === 0, kept };
  }

  /** The options as they are now: at once where they may change, else when there is something to compare them with. */
  #sourcesOf(name: string, options: SortedOptions): () => PartSources {
    let sources = this.#owned ? undefined : partSources(name, options, this.#factory.redis);
    return () => {
      sources ??= partSources(name, options, this.#factory.redis);
      return sources;
    };
  }

  #realize({ name, options, sources, before, same, kept }: Planned): LiveApi {
    if (before && same) return before;
    return this.#build(name, options, this.#factory.make(name, options, kept), sources);
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
        const part = api.parts[name];
        if (!others.some(({ parts }) => parts[name] === part)) this.#close(part);
      }
    });
  }

  #close(part: object | undefined): void {
    // A connection that nobody uses could not be closed properly: no one needs to know.
    this.#factory.close(part).catch(() => {});
  }
}

function differing(before: ApiParts, now: ApiParts): PartName[] {
  return PART_NAMES.filter((name) => before[name] !== now[name]);
}
