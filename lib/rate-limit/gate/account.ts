import type { AdvertisedLimits, AdvertisedWindow, LimitNews } from '../../http/advertised-limits.js';
import { BUCKET_OWNER } from '../../http/limit-vendors.js';
import type { Fact } from './directory.js';
import type { Gate } from './gate.js';
import { pathDigest, pathKey, pathName, Routes, sameNames } from './routes.js';

/** What of a call its limits depend on, besides its credential and egress proxy. */
export interface Target {
  readonly method: string;
  readonly url: string;
  /** Name of the limits to which the API gives none; `undefined` to find it out. */
  readonly scope: string | undefined;
}

/** Name of the limit of all calls. */
export const EVERYTHING = '';

/** Stands for a limit without a name: that of everything, or of the path. */
const NAMELESS = '*';
/** Stands before the owner of a bucket. */
const BUCKET = '@';

/** Instants of one reset may differ by this much, and windows below that tell nothing. */
const SAME_RESET_MS = 1500;
const LONG_ENOUGH_MS = 5000;
const MAX_PATHS = 500;
/** A power of 2. */
const PLACES = 128;

/**
 * What is known of the limits of one account at an API: their names, which paths draw on which, and whether those without
 * a name are the whole API's, one path's or one method's. Decides by the responses alone; counts nothing.
 */
export class Account {
  readonly #routes = new Routes();
  /** Paths that were refused, and have a limit of their own. */
  readonly #paths = new Set<string>();
  /** Limits without a name as they were told last, by path. */
  readonly #told = new Map<string, { readonly method: string; readonly limit: number }>();
  /** Paths whose methods have a limit each. */
  readonly #byMethod = new Set<string>();
  /** Whether several paths share the limit without a name. */
  #sharing: 'unknown' | 'shared' | 'apart' = 'unknown';
  #last: (AdvertisedWindow & { path: string; endsAt: number }) | undefined;
  #facts: Fact[] = [];
  /** Digests of paths of which a response was read, each in its place: one of two for the same place is forgotten. */
  #heard: Int32Array | undefined;
  /** What {@link names} gave for these, where it does not depend on the path. */
  #given: { known: readonly string[]; isShared: boolean; names: readonly string[] | undefined } | undefined;

  /**
   * Names of the limits that a call draws on, besides that of everything. The same list for calls that draw on the same,
   * as far as their paths need not be read.
   */
  names(target: Target): readonly string[] {
    const known = this.#routes.everywhere ?? this.#routes.names(pathKey(target.method, target.url)) ?? NONE;
    // A path is read only where something depends on it: every call passes here.
    if (this.#paths.size === 0) {
      const { scope } = target;
      const names = this.#pathless(
        known,
        scope === undefined ? this.#sharing === 'shared' : scope === EVERYTHING,
      );
      if (names) return names;
    }
    const path = this.#scopeOf(target);
    const names: string[] = [];
    for (const name of known)
      if (name !== NAMELESS) names.push(fullName(name, target.url));
      else if (this.#sharing !== 'shared' || target.scope !== undefined) names.push(path);
    if (this.#paths.has(path) && !names.includes(path)) names.push(path);
    return names.filter((name) => name !== EVERYTHING);
  }

  /** The names where no path has to be read for them. @param isShared the limit without a name is that of everything */
  #pathless(known: readonly string[], isShared: boolean): readonly string[] | undefined {
    const given = this.#given;
    if (given && given.known === known && given.isShared === isShared) return given.names;
    let names: readonly string[] | undefined;
    if (!known.some((name) => name.startsWith(BUCKET) || (name === NAMELESS && !isShared)))
      names = known.includes(NAMELESS) ? known.filter((name) => name !== NAMELESS) : known;
    this.#given = { known, isShared, names };
    return names;
  }

  /** Whether a response of this path was read: it draws on the limits that are known. */
  hasHeard({ method, url }: Target): boolean {
    const heard = this.#heard;
    if (!heard) return false;
    const digest = pathDigest(method, url);
    return heard[digest & (PLACES - 1)] === digest;
  }

  /** What was learned since the last time, for other processes; `undefined` if nothing was. */
  takeFacts(): readonly Fact[] | undefined {
    if (this.#facts.length === 0) return undefined;
    const facts = this.#facts;
    this.#facts = [];
    return facts;
  }

  /** Learns what other processes have learned. */
  learnFacts(facts: Iterable<Fact>): void {
    for (const [field, value] of facts) {
      const path = field.slice(1);
      if (field === SHARING && (value === 'shared' || value === 'apart')) this.#sharing = value;
      else if (field.startsWith(PATH)) this.#paths.add(path);
      else if (field.startsWith(METHODS)) this.#byMethod.add(path);
      else if (field.startsWith(ROUTE)) this.#routes.learn(path, value === '' ? [] : value.split('\n'));
    }
  }

  /**
   * Learns from a response.
   * @param flight calls in flight, whose responses may come in another order
   * @param gateOf what is known of a limit by now
   * @returns what is news for which limit
   */
  learn(
    target: Target,
    advertised: AdvertisedLimits,
    now: number,
    flight: number,
    gateOf: (name: string) => Pick<Gate, 'refusal' | 'needs'> | undefined,
  ): ReadonlyMap<string, LimitNews> {
    const { windows, refused, limited, everywhere } = advertised;
    const news = new Map<string, LimitNews>();
    const known = windows.filter(({ remaining, limit }) => remaining !== undefined || limit !== undefined);
    const isClosed = (name: string) => gateOf(name)?.refusal() !== undefined;
    const exhausted = refused ? exhaustedOf(known, (name) => gateOf(fullName(name, target.url))?.needs) : [];
    const learned: string[] = [];
    const path = pathKey(target.method, target.url);
    const digest = pathDigest(target.method, target.url);
    this.#heard ??= new Int32Array(PLACES);
    this.#heard[digest & (PLACES - 1)] = digest;
    for (const window of known) {
      const name = window.name === '' ? NAMELESS : window.bucket ? BUCKET + window.name : window.name;
      // Told in two forms, it is one limit still, of which a call takes one.
      if (!learned.includes(name)) learned.push(name);
      const key =
        window.name === '' ? this.#nameless(target, window, now, flight) : fullName(name, target.url);
      const its = exhausted.includes(window);
      const waitMs = its ? waitOf(window, advertised, exhausted.length) : window.waitMs;
      news.set(key, tighter(news.get(key), { ...window, waitMs, limited: its && limited, refused: its }));
    }
    const { everywhere: all } = this.#routes;
    if (learned.length > 0 && !(all && sameNames(all, learned))) this.#learnRoute(path, learned);
    if (refused && exhausted.length === 0) {
      const key = everywhere ? EVERYTHING : this.#refusal(target, isClosed);
      news.set(key, { ...advertised, ...news.get(key), waitMs: advertised.waitMs, limited, refused });
    } else if (refused && limited && known.length === exhausted.length && exhausted.every(isNameless)) {
      const key = this.#refusal(target, isClosed);
      if (!news.has(key)) news.set(key, { ...advertised });
    }
    return news;
  }

  /** A good response without any limit: its path draws on none, unless it is known to. @returns whether it draws on none */
  learnNone(target: Target): boolean {
    const key = pathKey(target.method, target.url);
    if (this.#routes.isEmpty || this.#routes.isExample(key)) return false;
    if (this.#routes.names(key)?.length !== 0) this.#learnRoute(key, []);
    return true;
  }

  /** The limit for which a window without a name is. */
  #nameless(target: Target, window: AdvertisedWindow, now: number, flight: number): string {
    if (target.scope !== undefined) return target.scope;
    const path = pathName(target.url);
    const last = this.#last;
    // Without a reset, or where it is that of a limit that fills up, two responses soon after another tell.
    const endsAt = now + ((window.refills ? undefined : window.waitMs) ?? LONG_ENOUGH_MS);
    this.#last = { ...window, path, endsAt };
    if (last && last.path !== path && now < last.endsAt) this.#compare(last, window, endsAt, now, flight);
    this.#compareMethods(path, target.method, window.limit);
    return this.#sharing === 'shared' ? EVERYTHING : this.#scopeOf(target);
  }

  /** Two methods of a path, to read and to write for instance, whose limits have different sizes. */
  #compareMethods(path: string, method: string, limit: number | undefined): void {
    if (limit === undefined) return;
    const told = this.#told.get(path);
    if (told?.method === method && told.limit === limit) return;
    if (this.#told.size >= MAX_PATHS) this.#told.clear();
    this.#told.set(path, { method, limit });
    if (!told || told.method === method || told.limit === limit || this.#byMethod.has(path)) return;
    if (this.#byMethod.size >= MAX_PATHS) this.#byMethod.clear();
    this.#byMethod.add(path);
    this.#facts.push([METHODS + path, '']);
    this.#learnSharing('apart');
  }

  /** Name of the limits of a call to which the API gives none, where they are not those of everything. */
  #scopeOf({ scope, url, method }: Target): string {
    if (scope !== undefined) return scope;
    const path = pathName(url);
    return this.#byMethod.has(path) ? `${method} ${path}` : path;
  }

  /** Two paths: one of them counts on from where the other was, or each counts for itself. */
  #compare(
    last: AdvertisedWindow & { endsAt: number },
    { limit, remaining }: AdvertisedWindow,
    endsAt: number,
    now: number,
    flight: number,
  ): void {
    if (limit !== last.limit) {
      this.#learnSharing('apart');
      return;
    }
    if (remaining === undefined || last.remaining === undefined) return;
    if (last.waitMs !== undefined && !last.refills && !(Math.abs(endsAt - last.endsAt) <= SAME_RESET_MS))
      return;
    const countsOn = remaining < last.remaining || (remaining === 0 && last.remaining === 0);
    if (countsOn && this.#sharing === 'unknown') this.#learnSharing('shared');
    const backwards = remaining > last.remaining + flight + 1 && endsAt - now > LONG_ENOUGH_MS;
    if (backwards && !last.refills) this.#learnSharing('apart');
  }

  /** The limit that a refusal without a name closes: that of its path, until a second path is refused as well. */
  #refusal(target: Target, isClosed: (name: string) => boolean): string {
    if (target.scope === undefined && this.#sharing === 'shared') return EVERYTHING;
    const path = this.#scopeOf(target);
    if (path === EVERYTHING) return EVERYTHING;
    if (target.scope === undefined && this.#sharing === 'unknown')
      for (const other of this.#paths) if (other !== path && isClosed(other)) return EVERYTHING;
    if (this.#paths.has(path)) return path;
    if (this.#paths.size >= MAX_PATHS) this.#paths.clear();
    this.#paths.add(path);
    this.#facts.push([PATH + path, '']);
    return path;
  }

  #learnRoute(path: string, names: readonly string[]): void {
    if (this.#routes.learn(path, names)) this.#facts.push([ROUTE + path, names.join('\n')]);
  }

  #learnSharing(sharing: 'shared' | 'apart'): void {
    if (this.#sharing === sharing) return;
    this.#sharing = sharing;
    this.#facts.push([SHARING, sharing]);
  }
}

const NONE: readonly string[] = [];

const SHARING = 'sharing';
/** Stand before the path in the name of a field. */
const PATH = '/';
const ROUTE = ' ';
const METHODS = '*';

const isNameless = ({ name }: AdvertisedWindow) => name === '';

/** The name of a bucket, and whose it is. */
function fullName(name: string, url: string): string {
  if (!name.startsWith(BUCKET)) return name;
  return `${name.slice(BUCKET.length)}${BUCKET_OWNER.exec(url)?.[0] ?? ''}`;
}

/** Those that are used up; if there are none, those with less left than a call may take. */
function exhaustedOf(
  windows: readonly AdvertisedWindow[],
  needs: (name: string) => number | undefined,
): readonly AdvertisedWindow[] {
  const empty = windows.filter(({ remaining }) => remaining === 0);
  if (empty.length > 0) return empty;
  return windows.filter(({ unit, name, remaining = 0 }) => unit && remaining < (needs(name) ?? 0));
}

function waitOf(
  window: AdvertisedWindow,
  { waitMs }: AdvertisedLimits,
  exhausted: number,
): number | undefined {
  // The refusal's own time is for the one that is used up.
  return exhausted === 1 || window.waitMs === undefined || window.refills ? waitMs : window.waitMs;
}

/** Two windows without a name are one limit here: the one with fewer calls left binds. */
function tighter(known: LimitNews | undefined, next: LimitNews): LimitNews {
  if (!known) return next;
  const [left, least] = [
    next.remaining ?? Number.POSITIVE_INFINITY,
    known.remaining ?? Number.POSITIVE_INFINITY,
  ];
  return left < least || (left === least && (next.waitMs ?? 0) > (known.waitMs ?? 0)) ? next : known;
}
