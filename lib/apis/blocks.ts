import type * as z from 'zod';
import { invalidOption } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import type { OtherPlaces } from '../core/unknown-name.js';

/** A block of options, in the place of the word that means it; `true` means all defaults. */
export function blockMeant(words: Readonly<Record<string, object>> | undefined, said: unknown): unknown {
  if (said === true) return {};
  return words && typeof said === 'string' && Object.hasOwn(words, said) ? words[said] : said;
}

/** The options of a block: none where it is turned on, or off, without any. */
export function optionsOf<Options extends object>(block: Options | boolean | undefined): Partial<Options> {
  return typeof block === 'object' ? block : {};
}

/** Validates a block of options, `true` or `false`. @throws InvalidOptionError */
export function checkBlock(
  schema: z.ZodType,
  value: unknown,
  place: string,
  places?: OtherPlaces,
  words: readonly string[] = [],
): void {
  if (value === true || value === false) return;
  if (typeof value !== 'object') {
    const others = words.map((word) => `'${word}', `).join('');
    throw invalidOption(place, `must be an object of options, ${others}true or false`, value);
  }
  resolveOptions(schema, value, place, places);
}
