import * as z from 'zod';
import { durationMs, optionsObject, resolveOptions } from '../../core/options.js';

/** A service level objective of an API. */
export interface SloOptions {
  /**
   * Share of calls that are to be good: no failure, and within `latencyMs`. A failure is what the statistics count as one:
   * a status from 500 on, or no response. Above 0 and below 1.
   * @default 0.999
   */
  availability?: number | undefined;
  /**
   * Longest time from a call to the headers of its response, waits and retries included. Without it a slow call is as good
   * as a quick one.
   * @default none
   */
  latencyMs?: number | undefined;
}

/** What the block `slo` may hold. */
export const sloSchema = optionsObject({
  availability: z.number().gt(0).lt(1).default(0.999),
  latencyMs: durationMs.optional(),
});

/** {@link SloOptions} with every default filled in. */
export interface ResolvedSlo {
  readonly availability: number;
  readonly latencyMs?: number | undefined;
}

/** @throws InvalidOptionError */
export function resolveSlo(options: SloOptions, place = 'slo'): ResolvedSlo {
  return resolveOptions(sloSchema, options, place);
}
