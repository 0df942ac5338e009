import { joinPath } from '../core/options.js';
import type { ConfigProblem } from './config-error.js';

/** Environment variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration after its variables are substituted. */
export interface Substituted {
  readonly value: unknown;
  /** The same with `${NAME}` left in place of values from the environment, for error messages. */
  readonly shown: unknown;
  /** Whether the string at this path comes from the environment, in whole or in part. */
  fromEnvironment(path: readonly PropertyKey[]): boolean;
  readonly problems: readonly (ConfigProblem & { readonly at: readonly PropertyKey[] })[];
}

/** `$$`, a reference, or a malformed `${`; the default in a reference ends at the first `}`. */
const REFERENCE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

const BAD_REFERENCE = `contains a "\${" that is not a reference; write \${NAME} or \${NAME:-default}, or $$ for a literal $`;

/**
 * Substitutes `${NAME}` and `${NAME:-default}` in every string of a configuration; the default also replaces an
 * empty variable, as in a shell. `$$` is a literal `$`. An entry of `headers` that becomes empty is dropped.
 */
export function substitute(value: unknown, env: Environment): Substituted {
  const walk = new Walk(env);
  const done = walk.visit(value, []);
  return {
    ...done,
    problems: walk.problems,
    fromEnvironment: (path) => walk.substituted.has(JSON.stringify(path)),
  };
}

interface Visited {
  readonly value: unknown;
  readonly shown: unknown;
}

class Walk {
  readonly substituted = new Set<string>();
  readonly problems: (ConfigProblem & { at: readonly PropertyKey[] })[] = [];
  readonly #env: Environment;
  readonly #above = new Set<object>();

  constructor(env: Environment) {
    this.#env = env;
  }

  visit(value: unknown, path: readonly PropertyKey[]): Visited {
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
    const kept = entries.filter(([key, item]) => !this.#emptyHeader(item.value, [...path, key]));
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

  // Otherwise an unset API key would be sent as an empty header, in place of the client's own.
  #emptyHeader(value: unknown, path: readonly PropertyKey[]): boolean {
    return value === '' && path.at(-2) === 'headers' && this.substituted.has(JSON.stringify(path));
  }

  #string(text: string, path: readonly PropertyKey[]): Visited {
    if (!text.includes('$')) return { value: text, shown: text };
    let shown = '';
    let from = 0;
    const value = text.replace(REFERENCE, (reference: string, name?: string, fallback?: string, at = 0) => {
      const result = reference === '$$' ? '$' : this.#lookUp(name, fallback, path);
      shown += text.slice(from, at) + (name === undefined ? result : `\${${name}}`);
      from = at + reference.length;
      if (name !== undefined) this.substituted.add(JSON.stringify(path));
      return result;
    });
    return { value, shown: shown + text.slice(from) };
  }

  #lookUp(name: string | undefined, fallback: string | undefined, path: readonly PropertyKey[]): string {
    if (name === undefined) {
      this.#problem(path, BAD_REFERENCE);
      return '';
    }
    const found = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    if (fallback !== undefined) return found || fallback;
    if (found === undefined) {
      this.#problem(
        path,
        `needs the environment variable ${name}, which is not set (\${${name}:-} allows that)`,
      );
    }
    return found ?? '';
  }

  #problem(at: readonly PropertyKey[], rule: string): void {
    const path = joinPath(at);
    this.problems.push({ at, path, message: `${path} ${rule}` });
  }
}
