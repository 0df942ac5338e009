import type { z } from 'zod';
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
 * Checks the part of a file at the path `at`. A number or boolean from the environment arrives as text and is
 * converted here, where the schema tells its type.
 */
export function check<S extends z.ZodType>(
  schema: S,
  { value: whole, shown, fromEnvironment }: Substituted,
  at: readonly PropertyKey[],
): Checked<z.output<S>> {
  const value = valueAt(whole, at);
  const first = schema.safeParse(value);
  if (first.success) return { value: first.data, problems: [] };
  const converted = first.error.issues.filter(
    (issue) => fromEnvironment([...at, ...issue.path]) && convert(whole, [...at, ...issue.path], issue),
  );
  const second = converted.length > 0 ? schema.safeParse(value) : first;
  if (second.success) return { value: second.data, problems: [] };
  const problems = second.error.issues.flatMap((issue) => explain(prefixed(issue, at), shown));
  return { value: undefined, problems };
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

/** Replaces a text by the number or boolean that the schema requires there. */
function convert(whole: unknown, path: readonly PropertyKey[], issue: z.core.$ZodIssue): boolean {
  const branches = issue.code === 'invalid_union' ? issue.errors.flat() : [issue];
  const expected = branches.map((branch) => (branch.code === 'invalid_type' ? branch.expected : ''));
  const parent = valueAt(whole, path.slice(0, -1));
  const key = path.at(-1);
  if (typeof parent !== 'object' || parent === null || key === undefined) return false;
  const text: unknown = Reflect.get(parent, key);
  if (typeof text !== 'string') return false;
  if ((expected.includes('number') || expected.includes('int')) && /^-?\d+(?:\.\d+)?$/.test(text)) {
    return Reflect.set(parent, key, Number(text));
  }
  const truths = expected.includes('boolean') || issue.code === 'invalid_union';
  return truths && /^(?:true|false)$/.test(text) && Reflect.set(parent, key, text === 'true');
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
