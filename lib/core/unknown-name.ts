import { distance } from 'fastest-levenshtein';
import type { NamesElsewhere } from './names-elsewhere.js';

/** Places where a misplaced option may belong. */
export interface OtherPlaces {
  /** Names of options by their block; those of the API itself under the empty name. */
  readonly blocks: Readonly<Record<string, readonly string[]>>;
  /** Option names of other libraries. */
  readonly elsewhere?: NamesElsewhere;
  /** Options that a configuration file cannot hold; set while a file is read. */
  readonly codeOnly?: readonly string[];
}

/** Context of an unknown name. */
export interface UnknownName {
  /** Path of the object that has it, for example `apis.github.retry`; may be empty. */
  readonly owner: string;
  /** Names that are valid in this object. */
  readonly known: readonly string[];
  /** @default 'option' */
  readonly kind?: 'option' | 'event';
  readonly places?: OtherPlaces | undefined;
}

/** A message lists no more names than these. */
const FEW = 6;

/** Message for an unknown name, with the name that was probably meant. */
export function unknownName(name: string, { owner, known, kind = 'option', places }: UnknownName): string {
  // Users of the new names are not pointed to those of the OpenResty gateway.
  const usable = name.includes('_') ? known : known.filter((one) => !one.includes('_'));
  const meant = meantBy(name, usable, places);
  const of = owner === '' ? '' : ` of ${owner}`;
  return `is not an ${kind}${of} (${meant.length > 0 ? question(meant, usable, places) : listOf(name, usable.length > 0 ? usable : known)})`;
}

/** The known name that a misspelt one most likely means. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  return closest(name, known, Math.max(2, Math.floor(plain(name).length / 3)));
}

function closest(name: string, known: readonly string[], limit: number): string | undefined {
  const [best] = byDistance(plain(name), known);
  return best && best.far <= limit ? best.candidate : undefined;
}

/** What a name may mean, as a path within an API; the most certain guess only. */
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
  // Among so many names, a short one has a near neighbour by chance.
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

/** A name in lower case without separators. */
const plain = (name: string): string => name.replace(/[_-]/g, '').toLowerCase();
