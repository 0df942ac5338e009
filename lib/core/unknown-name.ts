import { distance } from 'fastest-levenshtein';
import type { NamesElsewhere } from './names-elsewhere.js';

/** Where an option may belong that was written in the wrong place. */
export interface OtherPlaces {
  /** Names of options by the block that has them; those of the API itself under the empty name. */
  readonly blocks: Readonly<Record<string, readonly string[]>>;
  /** Names of other libraries. */
  readonly elsewhere?: NamesElsewhere;
  /** Options that a configuration file cannot hold, where it is one that is read. */
  readonly codeOnly?: readonly string[];
}

/** What is known of a name that is unknown. */
export interface UnknownName {
  /** Place of the object that has it, as `apis.github.retry`; it may be empty. */
  readonly owner: string;
  /** Names that this object may have. */
  readonly known: readonly string[];
  /** @default 'option' */
  readonly kind?: 'option' | 'event';
  readonly places?: OtherPlaces | undefined;
}

/** More names than these are not listed in a message. */
const FEW = 6;

/** Says that a name is not known, and which one may have been meant. */
export function unknownName(name: string, { owner, known, kind = 'option', places }: UnknownName): string {
  // Whoever writes new names is not led to those of the OpenResty gateway.
  const usable = name.includes('_') ? known : known.filter((one) => !one.includes('_'));
  const meant = meantBy(name, usable, places);
  const of = owner === '' ? '' : ` of ${owner}`;
  return `is not an ${kind}${of} (${meant.length > 0 ? question(meant, usable, places) : listOf(name, usable.length > 0 ? usable : known)})`;
}

/** The known name that a misspelt one most likely stands for. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  return closest(name, known, Math.max(2, Math.floor(plain(name).length / 3)));
}

function closest(name: string, known: readonly string[], limit: number): string | undefined {
  const [best] = byDistance(plain(name), known);
  return best && best.far <= limit ? best.candidate : undefined;
}

/** What a name may stand for, by its path within an API: the surest guess that there is. */
function meantBy(name: string, known: readonly string[], places: OtherPlaces | undefined): string[] {
  const same = known.find((one) => plain(one) === plain(name));
  if (same) return [same];
  const elsewhere = Object.entries(places?.elsewhere ?? {}).find(([one]) => plain(one) === plain(name))?.[1];
  const own = (elsewhere ?? []).map(lastPart).filter((one) => known.includes(one));
  if (own.length > 0) return own;
  if (elsewhere) return [...elsewhere];
  const paths = pathsOf(places);
  const misplaced = paths.filter((path) => plain(lastPart(path)) === plain(name));
  if (misplaced.length > 0) return misplaced;
  const near = nearestName(name, known);
  if (near) return [near];
  // Among so many names a short one has a neighbour by chance.
  const nearElsewhere = closest(name, paths.map(lastPart), Math.floor(name.length / 5));
  return paths.filter((path) => lastPart(path) === nearElsewhere);
}

const pathsOf = (places: OtherPlaces | undefined): string[] =>
  Object.entries(places?.blocks ?? {}).flatMap(([block, names]) =>
    names.map((name) => (block === '' ? name : `${block}.${name}`)),
  );

const lastPart = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

function question(
  meant: readonly string[],
  known: readonly string[],
  places: OtherPlaces | undefined,
): string {
  const inCode = meant.every((path) => places?.codeOnly?.some((one) => `${path}.`.startsWith(`${one}.`)));
  const named = meant.map((path) =>
    path.includes('.') || known.includes(path) ? path : `${path} of the API itself`,
  );
  return `did you mean ${named.join(' or ')}${inCode ? ', which can be set in code only' : ''}?`;
}

function listOf(name: string, known: readonly string[]): string {
  if (known.length <= FEW) return `known: ${known.join(', ')}`;
  const nearest = byDistance(plain(name), known).slice(0, 3);
  return `nearest: ${nearest.map(({ candidate }) => candidate).join(', ')}; see docs/options.md`;
}

const byDistance = (wanted: string, known: readonly string[]) =>
  known
    .map((candidate) => ({ candidate, far: distance(wanted, plain(candidate)) }))
    .sort((a, b) => a.far - b.far);

/** A name without its letter case and its separators. */
const plain = (name: string): string => name.replace(/[_-]/g, '').toLowerCase();
