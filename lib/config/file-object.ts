import { z } from 'zod';
import { nearestName } from '../core/options.js';

/** The shape of `S` with every option left to be said or not: a default belongs to whoever reads it. */
export type Unfilled<S extends z.ZodRawShape> = {
  [K in keyof S]: z.ZodOptional<S[K] extends z.ZodDefault<infer Inner> ? Inner : S[K]>;
};

/** Takes the defaults off a shape, so that one level of a file does not overwrite another with them. */
export function unfilled<S extends z.ZodRawShape>(shape: S): Unfilled<S> {
  const entries = Object.entries(shape).map(([key, type]) => [
    key,
    z.optional(type instanceof z.ZodDefault ? type.unwrap() : type),
  ]);
  // Object.fromEntries forgets which key has which type.
  return Object.fromEntries(entries) as Unfilled<S>;
}

/** A strict object of a file: for each unknown key, one line of the message says what may be meant. */
export function fileObject<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? (issue.keys ?? []).map((key) => unknownName(String(key), known)).join('\n')
        : undefined,
  });
}

const FEW = 12;

function unknownName(key: string, known: readonly string[]): string {
  const near = nearestName(key, known);
  if (near) return `is no known option (did you mean ${near}?)`;
  return known.length > FEW ? 'is no known option' : `is no known option (known: ${known.join(', ')})`;
}

/** A block of options, or `false`. */
export function blockOrFalse<S extends z.ZodType>(block: S): z.ZodUnion<[S, z.ZodLiteral<false>]> {
  return z.union([block, z.literal(false)], { error: 'must be a block of options, or false' });
}
