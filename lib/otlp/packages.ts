import { createRequire } from 'node:module';
import { join } from 'node:path';
import { InvalidOptionError } from '../core/errors.js';

let found: NodeJS.Require | undefined;

/** Looks for packages from here, or from the folder of the application where all is bundled as CommonJS. */
function here(): NodeJS.Require {
  const { url }: { readonly url?: string } = import.meta;
  found ??= createRequire(url ?? join(process.cwd(), 'index.js'));
  return found;
}

/**
 * Loads packages that are installed only by those who want them.
 * @param option the option that needs them
 * @throws InvalidOptionError that names all of those which are missing
 */
export function optionalPackages(option: string, names: readonly string[]): unknown[] {
  const missing = missingOf(names);
  if (missing.length === 0) return names.map((name) => here()(name));
  throw new InvalidOptionError(option, `${option} needs ${installing(missing)}`);
}

/** Those of the packages that are not installed. */
export const missingOf = (names: readonly string[]): string[] =>
  names.filter((name) => pathOf(name) === undefined);

/** Majors of packages whose later ones do not fit. */
const MAJORS: Readonly<Record<string, number>> = { '@opentelemetry/sdk-trace-base': 2 };

/** What is to be done about packages that are missing. */
export function installing(missing: readonly string[]): string {
  const wanted = missing.map((name) => (name in MAJORS ? `${name}@${MAJORS[name]}` : name));
  return `packages that are not installed: npm install ${wanted.join(' ')}`;
}

/** Loads what a package itself depends on, wherever the package manager has put it. */
export function dependencyOf(name: string, dependency: string): unknown {
  return createRequire(here().resolve(name))(dependency);
}

function pathOf(name: string): string | undefined {
  try {
    return here().resolve(name);
  } catch {
    return undefined;
  }
}
