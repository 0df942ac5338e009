import { resolve } from 'node:path';
import { joinPath } from '../core/options.js';
import { faultOf, isMissing } from './bounded-file.js';
import type { ConfigProblem } from './config-error.js';
import { KnownApis } from './known-apis.js';
import { MAX_SECRET_BYTES, readSecretFile } from './secret-file.js';

/** Environment variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration after its variables are substituted. */
export interface Substituted {
  readonly value: unknown;
  /** The same with `${NAME}` left in place of values from the environment, for error messages. */
  readonly shown: unknown;
  /** Paths of the strings in this part of the file that come from the environment, in whole or in part. */
  referencesIn(part: readonly PropertyKey[]): readonly (readonly PropertyKey[])[];
  readonly problems: readonly (ConfigProblem & { readonly at: readonly PropertyKey[] })[];
  /** Paths of the files that references lead to, those that are missing too. */
  readonly files: readonly string[];
  /** What the references in this part of the file stand for. */
  lookupsIn(part: readonly PropertyKey[]): readonly Lookup[];
  /** The APIs that are as they were in the last load. */
  readonly kept: ReadonlySet<string>;
}

/** A reference, and what it stands for. */
export interface Lookup {
  readonly reference: Reference;
  readonly result: string;
}

/** `$$`, a reference, or a malformed `${`; the path and the default in a reference end at the first `}`. */
const REFERENCE = /\$\$|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)|file:([^}]+?))(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

const BAD_REFERENCE = `contains a "\${" that is not a reference; write \${NAME}, \${NAME:-default} or \${file:PATH}, or $$ for a literal $`;

/** Where references lead. */
export interface References {
  readonly env: Environment;
  /** Folder that relative paths of files begin at. */
  readonly folder: string;
}

/**
 * Substitutes `${NAME}`, `${NAME:-default}` and `${file:PATH}` in every string of a configuration; the default also
 * replaces an empty variable, as in a shell. `$$` is a literal `$`. An entry of `headers` that becomes empty is dropped.
 */
export function substitute(
  value: unknown,
  references: References,
  known: KnownApis = new KnownApis(),
): Substituted {
  const walk = new Walk(references, known);
  const done = walk.visit(value, []);
  return {
    ...done,
    problems: walk.problems,
    files: [...walk.files.keys()],
    referencesIn: (part) => walk.references.get(part.join('\n')) ?? [],
    lookupsIn: (part) => walk.lookups.get(part.join('\n')) ?? [],
    kept: walk.kept,
  };
}

/** The part of a file that a path belongs to: an API, another block, or the root for what stands there by itself. */
function partOf([first = '', second]: readonly PropertyKey[]): string {
  if (second === undefined) return '';
  const ofApi = first === 'apis' || first === 'api_configs';
  return ofApi ? `${String(first)}\n${String(second)}` : String(first);
}

/** A value after its references were substituted. */
export interface Visited {
  readonly value: unknown;
  readonly shown: unknown;
  /** It is a text that held a reference. */
  readonly filled?: boolean;
}

class Walk {
  /** By the part of the file. */
  readonly references = new Map<string, (readonly PropertyKey[])[]>();
  readonly lookups = new Map<string, Lookup[]>();
  readonly kept = new Set<string>();
  readonly problems: (ConfigProblem & { at: readonly PropertyKey[] })[] = [];
  /** What files hold, by their paths: many APIs may name the same one. */
  readonly files = new Map<string, string | undefined>();
  readonly #env: Environment;
  readonly #folder: string;
  readonly #known: KnownApis;
  readonly #above = new Set<object>();

  constructor({ env, folder }: References, known: KnownApis) {
    this.#env = env;
    this.#folder = folder;
    this.#known = known;
  }

  visit(value: unknown, path: readonly PropertyKey[]): Visited {
    return this.#keep(value, path) ?? this.#visit(value, path);
  }

  /** An API whose text and whose references are as they were. */
  #keep(value: unknown, path: readonly PropertyKey[]): Visited | undefined {
    const [root, name] = path;
    if (path.length !== 2 || (root !== 'apis' && root !== 'api_configs')) return undefined;
    const known = this.#known.sameText(String(name), value);
    if (!known) return undefined;
    for (const { reference, result } of known.lookups) {
      // What has become wrong is told by the visit.
      const now = reference.file === undefined ? this.#variable(reference) : this.#textOf(reference);
      if (now !== result) return undefined;
    }
    this.lookups.set(partOf(path), [...known.lookups]);
    this.kept.add(String(name));
    return known.visited;
  }

  #visit(value: unknown, path: readonly PropertyKey[]): Visited {
    if (typeof value === 'string') return this.#string(value, path);
    if (typeof value !== 'object' || value === null) return { value, shown: value };
    if (this.#above.has(value)) {
      this.#problem(path, 'is an alias that contains itself');
      return { value: null, shown: null };
    }
    this.#above.add(value);
    const visited = Array.isArray(value) ? this.#list(value, path) : this.#map(value, path);
    this.#above.delete(value);
    return visited;
  }

  #list(values: readonly unknown[], path: readonly PropertyKey[]): Visited {
    const items = values.map((item, i) => this.visit(item, [...path, i]));
    return { value: items.map((item) => item.value), shown: items.map((item) => item.shown) };
  }

  #map(values: object, path: readonly PropertyKey[]): Visited {
    const own = Object.entries(values).filter(([key]) => this.#usable(key, path));
    const entries = own.map(([key, item]) => [key, this.visit(item, [...path, key])] as const);
    const kept = entries.filter(([, item]) => !isEmptyHeader(item, path));
    return {
      value: Object.fromEntries(kept.map(([key, item]) => [key, item.value])),
      shown: Object.fromEntries(kept.map(([key, item]) => [key, item.shown])),
    };
  }

  #usable(key: string, path: readonly PropertyKey[]): boolean {
    if (key !== '__proto__') return true;
    this.#problem([...path, key], 'is not an allowed name');
    return false;
  }

  #string(text: string, path: readonly PropertyKey[]): Visited {
    if (!text.includes('$')) return { value: text, shown: text };
    let shown = '';
    let from = 0;
    let filled = false;
    const replaced = (reference: string, name?: string, file?: string, fallback?: string, at = 0): string => {
      const isPlain = name === undefined && file === undefined;
      const result = reference === '$$' ? '$' : this.#lookUp({ name, file, fallback }, path);
      shown +=
        text.slice(from, at) + (isPlain ? result : `\${${file === undefined ? name : `file:${file}`}}`);
      from = at + reference.length;
      filled ||= !isPlain;
      return result;
    };
    const value = text.replace(REFERENCE, replaced);
    if (filled) this.#note(path);
    return { value, shown: shown + text.slice(from), filled };
  }

  #note(path: readonly PropertyKey[]): void {
    append(this.references, partOf(path), path);
  }

  #lookUp(reference: Reference, path: readonly PropertyKey[]): string {
    const result = this.#resolve(reference, path);
    append(this.lookups, partOf(path), { reference, result });
    return result;
  }

  #resolve(reference: Reference, path: readonly PropertyKey[]): string {
    const { name, file } = reference;
    if (file !== undefined) return this.#read(file, reference, path);
    if (name === undefined) {
      this.#problem(path, BAD_REFERENCE);
      return '';
    }
    const found = this.#variable(reference);
    if (found === undefined) {
      this.#problem(
        path,
        `needs the environment variable ${name}, which is not set (\${${name}:-} allows that)`,
      );
    }
    return found ?? '';
  }

  #variable({ name = '', fallback }: Reference): string | undefined {
    const found = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    return fallback === undefined ? found : found || fallback;
  }

  #read(file: string, reference: Reference, path: readonly PropertyKey[]): string {
    const text = this.#textOf(reference);
    if (typeof text === 'string') return text;
    const way = isMissing(text.error) ? ` (\${file:${file}:-} allows that)` : '';
    this.#problem(path, `needs the file ${file}, which ${faultOf(text.error, MAX_SECRET_BYTES)}${way}`);
    return '';
  }

  #textOf({ file = '', fallback }: Reference): string | { readonly error: unknown } {
    const known = resolve(this.#folder, file);
    try {
      const text = this.files.get(known) ?? readSecretFile(known);
      this.files.set(known, text);
      return text || (fallback ?? '');
    } catch (error) {
      this.files.set(known, undefined);
      return fallback !== undefined && isMissing(error) ? fallback : { error };
    }
  }

  #problem(at: readonly PropertyKey[], rule: string): void {
    const path = joinPath(at);
    this.problems.push({ at, path, message: `${path} ${rule}` });
  }
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

/** What a reference says. */
export interface Reference {
  readonly name: string | undefined;
  readonly file: string | undefined;
  readonly fallback: string | undefined;
}

// Otherwise an unset API key would be sent as an empty header, in place of the client's own.
const isEmptyHeader = ({ value, filled = false }: Visited, path: readonly PropertyKey[]): boolean =>
  filled && value === '' && path.at(-1) === 'headers';
