import {
  type ApiOptions,
  mergeDefaults,
  type ResilientProxyConfig,
  type ResolvedConfig,
  resolveConfig,
} from './options.js';
import { hasSnapshot, optionsSnapshot, sameOptions } from './same-options.js';
import { type SortedOptions, sortOptions } from './sort-options.js';

/** A configuration that was checked. */
export interface CheckedConfig extends Pick<ResolvedConfig, 'single' | 'shared'> {
  /** An API whose options are as they were has the same object here. */
  readonly apis: ReadonlyMap<string, SortedOptions>;
}

interface Known {
  /** What was given; a copy where the caller's objects may change. */
  readonly given: unknown;
  readonly redis: boolean;
  readonly sorted: SortedOptions;
}

interface Merged {
  readonly own: ApiOptions;
  readonly options: ApiOptions;
}

/** Checks configurations one after another, and of each only the APIs that differ from the one before. */
export class SortedApis {
  /** Nobody changes the objects that the configurations consist of, as where they were read from a file. */
  readonly owned: boolean;
  readonly #known = new Map<string, Known>();
  readonly #merged = new Map<string, Merged>();
  #defaults: unknown;

  constructor(owned = false) {
    this.owned = owned;
  }

  /** The configuration with the defaults merged in. @throws InvalidOptionError */
  resolve(config: ResilientProxyConfig): ResolvedConfig {
    if (!this.owned) return resolveConfig(config);
    const defaults = optionsSnapshot(config.defaults);
    if (!sameOptions(defaults, this.#defaults)) this.#merged.clear();
    this.#defaults = defaults;
    return resolveConfig(config, this.#merge);
  }

  /** @throws InvalidOptionError */
  read(config: ResilientProxyConfig): CheckedConfig {
    const { single, apis, shared } = this.resolve(config);
    const redis = shared.redis !== undefined;
    const sorted = new Map<string, SortedOptions>();
    for (const [name, options] of apis)
      sorted.set(name, this.sort(name, options, single ? '' : `apis.${name}`, redis));
    for (const name of [...this.#known.keys()]) {
      if (sorted.has(name)) continue;
      this.#known.delete(name);
      this.#merged.delete(name);
    }
    return { single, shared, apis: sorted };
  }

  /**
   * The options of one API, as they were sorted before where they are the same.
   * @param place where they stand, as `apis.github`
   * @throws InvalidOptionError
   */
  sort(name: string, options: ApiOptions, place: string, redis: boolean): SortedOptions {
    const before = this.#known.get(name);
    if (before?.redis === redis && hasSnapshot(options, before.given)) return before.sorted;
    const sorted = sortOptions(place, options, redis);
    this.#known.set(name, { given: this.owned ? options : optionsSnapshot(options), redis, sorted });
    return sorted;
  }

  readonly #merge = (defaults: Partial<ApiOptions>, own: ApiOptions, name: string): ApiOptions => {
    const before = this.#merged.get(name);
    if (before?.own === own) return before.options;
    const options = mergeDefaults(defaults, own);
    this.#merged.set(name, { own, options });
    return options;
  };
}
