import type * as z from 'zod';

type Run = z.ZodType['_zod']['run'];

/** An option of a schema: how it is checked, and what it is where it is absent. */
interface Known {
  readonly name: string;
  readonly run: Run;
  readonly absent: (context: z.core.ParseContextInternal) => unknown;
}

/**
 * Has a strict object check only the options that are there. Zod checks all that there may be: of a hundred options of an
 * API, five are given. What is wrong it says itself, and what is right is the same object with either.
 */
export function parseGiven<S extends z.ZodObject>(schema: S): S {
  const { _zod: internals } = schema;
  const whole = internals.parse;
  let known: readonly Known[] | undefined;
  const parse: Run = (payload, context) => {
    known ??= Object.entries<z.ZodType>(schema.shape).map(knownOption);
    const value = context.async === false ? sound(known, payload.value, context) : undefined;
    if (value === undefined) return whole(payload, context);
    payload.value = value;
    return payload;
  };
  internals.parse = parse;
  // It has no checks of its own, which zod runs after the parse.
  internals.run = parse;
  return schema;
}

/** `undefined` where anything is wrong, or cannot be told at once. */
function sound(
  options: readonly Known[],
  given: unknown,
  context: z.core.ParseContextInternal,
): object | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const result: Record<string, unknown> = {};
  let found = 0;
  for (const { name, run, absent } of options) {
    if (name in given) {
      const checked = run({ value: Reflect.get(given, name), issues: [] }, context);
      if (checked instanceof Promise || checked.issues.length > 0) return undefined;
      result[name] = checked.value;
      found++;
    } else {
      const value = absent(context);
      if (value === MISSING) return undefined;
      if (value !== undefined) result[name] = value;
    }
  }
  for (const name in given) if (Object.hasOwn(given, name)) found--;
  // Otherwise there are names that are unknown, or not its own.
  return found === 0 ? result : undefined;
}

const MISSING = Symbol('an option that is required');

function knownOption([name, type]: [string, z.ZodType]): Known {
  const { run, optin } = type._zod;
  const filled = (context: z.core.ParseContextInternal) => {
    const result = run({ value: undefined, issues: [] }, context);
    return result instanceof Promise || result.issues.length > 0 ? MISSING : result.value;
  };
  if (optin === 'optional') return { name, run, absent: () => undefined };
  if (optin !== 'defaulted') return { name, run, absent: () => MISSING };
  let kept: unknown;
  return {
    name,
    run,
    absent(context) {
      if (kept !== undefined) return kept;
      const value = filled(context);
      // Those that are objects are copied for each.
      if (typeof value !== 'object') kept = value;
      return value;
    },
  };
}
