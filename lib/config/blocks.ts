import * as z from 'zod';

/** The shape of `S` with every option optional and without its default. */
export type Unfilled<S extends z.ZodRawShape> = {
  [K in keyof S]: z.ZodOptional<S[K] extends z.ZodDefault<infer Inner> ? Inner : S[K]>;
};

/** Removes the defaults of a shape, so that those of an API do not overwrite what `defaults` sets. */
export function unfilled<S extends z.ZodRawShape>(shape: S): Unfilled<S> {
  const entries = Object.entries(shape).map(([key, type]) => [
    key,
    z.optional(type instanceof z.ZodDefault ? type.unwrap() : type),
  ]);
  // The type of Object.fromEntries does not relate keys to values.
  return Object.fromEntries(entries) as Unfilled<S>;
}

/** A block of options, or `false`. */
export function blockOrFalse<S extends z.ZodType>(block: S): z.ZodUnion<[S, z.ZodLiteral<false>]> {
  return z.union([block, z.literal(false)], { error: 'must be a block of options, or false' });
}

/** A block of options, `true` for one without any, or `false`. */
export function blockOrSwitch<S extends z.ZodType>(block: S): z.ZodUnion<[S, z.ZodBoolean]> {
  return z.union([block, z.boolean()], { error: 'must be a block of options, true or false' });
}

/** A block of options, a word that stands for one, or a switch. */
export function blockWordOrSwitch<S extends z.ZodType>(
  block: S,
  words: readonly string[],
): z.ZodUnion<[S, z.ZodType<string>, z.ZodBoolean]> {
  return z.union([block, z.enum([...words]), z.boolean()], {
    error: `must be a block of options, ${words.map((word) => `'${word}'`).join(', ')}, true or false`,
  });
}
