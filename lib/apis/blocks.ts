import type { z } from 'zod';
import { invalidOption } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import type { OtherPlaces } from '../core/unknown-name.js';

/** Validates a block of options, or `false`. @throws InvalidOptionError */
export function checkBlock(schema: z.ZodType, value: unknown, place: string, places?: OtherPlaces): void {
  if (value === false) return;
  if (typeof value !== 'object') throw invalidOption(place, 'must be an object of options, or false', value);
  resolveOptions(schema, value, place, places);
}
