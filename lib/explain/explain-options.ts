import * as z from 'zod';
import { optionsObject, resolveOptions } from '../core/options.js';

/** Options of `explain()`. `Cache-Status` is an option of the cache: `cacheStatus`. */
export interface ExplainOptions {
  /**
   * Adds `Server-Timing` (W3C) to responses: the cache's part, waits, each attempt, and the total up to the headers.
   * Browsers show it to pages of the same origin, and to others where `Timing-Allow-Origin` allows it.
   * @default true
   */
  serverTiming?: boolean | undefined;
  /**
   * Adds `Proxy-Status` (RFC 9209) to every response, with the status received where another one is sent, and the
   * error in words. Responses to failed calls carry a short one in any case.
   * @default true
   */
  proxyStatus?: boolean | undefined;
}

/** What `explain()` and the block `explain` of a configuration file may hold. */
export const explainSchema = optionsObject({
  serverTiming: z.boolean().default(true),
  proxyStatus: z.boolean().default(true),
});

/** {@link ExplainOptions} with every default filled in. */
export type ResolvedExplain = Readonly<z.output<typeof explainSchema>>;

/** @throws InvalidOptionError */
export function resolveExplain(options: ExplainOptions, place = 'explain'): ResolvedExplain {
  return resolveOptions(explainSchema, options, place);
}
