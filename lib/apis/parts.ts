import { allEnded } from '../core/closing.js';
import type { Machine } from '../core/machine.js';
import type { Part, PartSite, SharedLimits, SharedState } from '../core/part.js';
import { responseOptions } from '../upstream/forward-part.js';
import { ALL_PARTS, type ApiParts, PARTS, type PartName } from './part-list.js';
import { optionsSnapshot, sameOptions } from './same-options.js';
import type { SortedOptions } from './sort-options.js';

/** The options that the parts of an API were created from, to be compared with the next configuration. */
export type PartSources = Readonly<Record<PartName | 'target' | 'rules' | 'explain' | 'stages', unknown>>;

/** The options that each part of an API is created from. */
export function partSources(name: string, sorted: SortedOptions, redis: PartSite['redis']): PartSources {
  const site = siteOf(name, sorted, redis);
  const parts = ALL_PARTS.map((part) => {
    const options = optionsOf(part, sorted);
    return [part.name, options && [options, part.madeFrom?.(site, options)]];
  });
  const { forward, rules, ws, explain, stages } = sorted;
  const others = { target: forward.target, rules: [rules, ws], explain, stages };
  return optionsSnapshot({ ...others, ...Object.fromEntries(parts) }) as PartSources;
}

/** Whether only this package writes responses and counts their bytes: no cache, no listener and no stage of the user. */
export function ownWriters(sorted: SortedOptions): boolean {
  return !sorted.cache && !hasForeignCode(sorted);
}

/** Whether code of the user may read a request or write a response on its way through the stages. */
function hasForeignCode({ stages, forward }: SortedOptions): boolean {
  const { on, plugins, selfHandleResponse } = forward;
  return (
    stages.length > 0 ||
    selfHandleResponse === true ||
    (plugins?.length ?? 0) > 0 ||
    Object.keys(on ?? {}).length > 0
  );
}

/** What has changed. Another target is another API: nothing learned applies to it. */
export function changedSources(before: PartSources, now: PartSources): (keyof PartSources)[] {
  const names = Object.keys(now) as (keyof PartSources)[];
  const changed = names.filter((name) => !sameOptions(before[name], now[name]));
  return changed.includes('target') ? names : changed;
}

/** Creates parts, and knows how to close each of them. */
export class PartFactory {
  readonly redis: PartSite['redis'];
  readonly #machine: Machine | undefined;
  readonly #shared: ReadonlyMap<string, SharedState | undefined>;
  readonly #closers = new Map<object, () => unknown>();
  /** What the change in progress has made. */
  #made: object[] = [];

  /** @param apis the first configuration */
  constructor(
    redis: PartSite['redis'],
    apis: readonly SortedOptions[],
    limits: SharedLimits,
    machine?: Machine,
  ) {
    this.redis = redis;
    this.#machine = machine;
    const optionsAtStart = (part: Part) => apis.flatMap((sorted) => optionsOf(part, sorted) || []);
    this.#shared = new Map(
      ALL_PARTS.map((part) => [part.name, part.share?.(redis, optionsAtStart(part), limits, machine)]),
    );
  }

  /** What all parts of a kind share. */
  sharedOf<Shared extends SharedState>(
    part: Pick<Part<string, never, never, Shared>, 'name' | 'share'>,
  ): Shared {
    // It was made by this very part.
    return this.#shared.get(part.name) as Shared;
  }

  /** Runs a change of parts. If it throws, the parts that were made for it are closed, and no other part knows of it. */
  change<T>(run: () => T): T {
    this.#made = [];
    const states = [...this.#shared.values()];
    const inAll = states.reduce<() => T>((inner, state) => () => state?.change?.(inner) ?? inner(), run);
    try {
      return inAll();
    } catch (error) {
      for (const part of this.#made) this.close(part).catch(() => {});
      throw error;
    } finally {
      this.#made = [];
    }
  }

  /** The parts of an API, new ones where none are kept. It throws where a part refuses to be made, as by a plugin. */
  make(name: string, sorted: SortedOptions, kept: Partial<ApiParts>): ApiParts {
    const site = siteOf(name, sorted, this.redis, this.#machine);
    const parts = ALL_PARTS.map((part) => {
      const options = optionsOf(part, sorted);
      const known = Reflect.get(kept, part.name);
      return [part.name, known ?? (options ? this.#create(part, options, site) : undefined)];
    });
    // Each is what its part makes.
    return Object.fromEntries(parts) as unknown as ApiParts;
  }

  /** Takes a part out of what is listed; its calls go on. */
  unlist(api: string, name: PartName): void {
    const part: Part = PARTS[name];
    part.unlist?.(api, this.#shared.get(name));
  }

  /** Has all of them forget what they have learned. */
  async reset(parts: ApiParts): Promise<void> {
    const handlers = ALL_PARTS.map((part) => [part, parts[part.name as PartName]] as const);
    await allEnded(handlers.map(([part, handler]) => handler && part.reset?.(handler)));
  }

  /** Closes a part, once; parts that hold nothing open are ignored. */
  async close(part: object | undefined): Promise<void> {
    if (!part) return;
    const closer = this.#closers.get(part);
    this.#closers.delete(part);
    await closer?.();
  }

  /** Closes every part, and then what they share. Whatever fails, the rest is closed. */
  async closeAll(): Promise<void> {
    const ended = allEnded([...this.#closers.keys()].map((part) => this.close(part)));
    await ended.catch(() => {});
    await allEnded([ended, ...[...this.#shared.values()].map(async (state) => state?.close?.())]);
  }

  #create(part: Part, options: object, site: PartSite): object {
    const made: object & { close?(): unknown } = part.make(options, site, this.#shared.get(part.name));
    this.#made.push(made);
    this.#closers.set(made, () => (part.close ? part.close(made) : made.close?.()));
    return made;
  }
}

/** What a part is made from: its block, or all other options of the API. */
const optionsOf = ({ name }: Part, sorted: SortedOptions): object | false => Reflect.get(sorted, name);

function siteOf(name: string, sorted: SortedOptions, redis: PartSite['redis'], machine?: Machine): PartSite {
  const { forward, proxyRotate, stages } = sorted;
  return {
    name,
    forward,
    // What a stage sends or writes may be in what is stored.
    responses: [responseOptions(forward), stages],
    foreign: hasForeignCode(sorted),
    egress: proxyRotate,
    egressOnly: proxyRotate !== false && proxyRotate.strategy !== 'never',
    redis,
    machine,
  };
}
