import { z } from 'zod';

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

/** A block of options, or `false`. */
export function blockOrFalse<S extends z.ZodType>(block: S): z.ZodUnion<[S, z.ZodLiteral<false>]> {
  return z.union([block, z.literal(false)], { error: 'must be a block of options, or false' });
}
