import type * as z from 'zod';
import { explainIssue, joinPath } from '../core/options.js';
import { codeOnlyRule, placesFor } from './code-only.js';
import type { Substituted } from './environment.js';
import type { PlacedProblem } from './openresty-names.js';

/** Result of checking one part of a file. */
export type Checked<T> = { readonly value: T; readonly problems: readonly PlacedProblem[] } | Refused;

interface Refused {
  readonly value: undefined;
  readonly problems: readonly PlacedProblem[];
}

/**
 * Checks the part of a file at the path `at`. A number or boolean from the environment arrives as text: it becomes one
 * wherever the schema takes it so, as if it had been written in the file without quotes.
 */
export function check<S extends z.ZodType>(
  schema: S,
  { value: whole, shown, referencesIn }: Substituted,
  at: readonly PropertyKey[],
): Checked<z.output<S>> {
  const parse = () => schema.safeParse(valueAt(whole, at));
  const meant = referencesIn(at).flatMap((path) => meaningAt(whole, path));
  write(whole, meant, 'value');
  let result = parse();
  // Where the schema wants text, digits are text.
  const texts = result.success ? [] : wrongOf(meant, result.error, at);
  if (texts.length > 0) {
    write(whole, texts, 'text');
    result = parse();
    const wrong = result.success ? [] : wrongOf(texts, result.error, at);
    // Wrong either way: what is wrong with the number says more.
    write(whole, wrong, 'value');
    if (wrong.length > 0) result = parse();
  }
  if (result.success) return { value: result.data, problems: [] };
  const problems = result.error.issues.flatMap((issue) => explain(prefixed(issue, at), shown));
  return { value: undefined, problems };
}

/** A text from the environment, and the number or boolean that it may stand for. */
interface Meaning {
  readonly path: readonly PropertyKey[];
  readonly text: string;
  readonly value: number | boolean;
}

function meaningAt(whole: unknown, path: readonly PropertyKey[]): Meaning[] {
  const text = valueAt(whole, path);
  if (typeof text !== 'string') return [];
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return [{ path, text, value: Number(text) }];
  return /^(?:true|false)$/.test(text) ? [{ path, text, value: text === 'true' }] : [];
}

function write(whole: unknown, meanings: readonly Meaning[], as: 'text' | 'value'): void {
  for (const { path, [as]: written } of meanings) {
    const parent = valueAt(whole, path.slice(0, -1));
    const key = path.at(-1);
    if (typeof parent === 'object' && parent !== null && key !== undefined) Reflect.set(parent, key, written);
  }
}

/** Those of the values that the schema refuses where they stand. */
function wrongOf(
  meanings: readonly Meaning[],
  error: z.core.$ZodError,
  at: readonly PropertyKey[],
): readonly Meaning[] {
  const places = new Set(error.issues.flatMap(leavesOf).map(({ path }) => JSON.stringify([...at, ...path])));
  return meanings.filter(({ path }) => places.has(JSON.stringify(path)));
}

/** An issue, and those of each way in which a value may be written: a block of options may be `false` as well. */
function leavesOf(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  return [issue, ...issue.errors.flat().flatMap((branch) => leavesOf(prefixed(branch, issue.path)))];
}

const prefixed = (issue: z.core.$ZodIssue, at: readonly PropertyKey[]): z.core.$ZodIssue => ({
  ...issue,
  path: [...at, ...issue.path],
});

/** One problem for each wrong value and each unknown key, at any depth. */
function explain(issue: z.core.$ZodIssue, shown: unknown): PlacedProblem[] {
  if (issue.code === 'invalid_union') {
    const deeper = issue.errors
      .flat()
      .filter((branch) => branch.path.length > 0 || branch.code === 'unrecognized_keys')
      .flatMap((branch) => explain(prefixed(branch, issue.path), shown));
    if (deeper.length > 0) return deeper;
    return [placed({ ...issue, errors: [] }, issue.path, shown)];
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const at = [...issue.path, key];
      const rule = codeOnlyRule(at);
      return rule ? { at, message: `${joinPath(at)} ${rule}` } : placed({ ...issue, keys: [key] }, at, shown);
    });
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? issue.message;
    return [placed({ code: 'custom', message, path: issue.path, input: undefined }, issue.path, shown)];
  }
  return [placed(issue, issue.path, shown)];
}

function placed(issue: z.core.$ZodIssue, at: readonly PropertyKey[], shown: unknown): PlacedProblem {
  const named =
    issue.code === 'invalid_type' && issue.expected === 'record'
      ? { ...issue, expected: 'object' as const }
      : issue;
  const { message } = explainIssue(named, shown, '', placesFor(issue.path));
  const value = valueAt(shown, at);
  // YAML reads an API key of digits as a number; it is a secret all the same.
  const secret = typeof value === 'number' && at.some((key) => key === 'headers' || key === 'auth');
  return { at, message: secret ? message.replace(/; received .*$/s, '; received a number') : message };
}

/** The value at a path; only own properties are followed. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, key)
        ? Reflect.get(found, key)
        : undefined,
    value,
  );
}
