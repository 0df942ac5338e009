import { z } from 'zod';
import { optionsObject, resolveOptions } from '../core/options.js';

/** Options of `explain()`. `Cache-Status` is the cache's own to send: `cacheStatus` among its options. */
export interface ExplainOptions {
  /**
   * Whether answers carry `Server-Timing` (W3C): what the cache did, how long the call waited, each attempt, and all
   * of it up to the head of the answer. Browsers show it beside the request; to pages of another origin only where
   * `Timing-Allow-Origin` says so.
   * @default true
   */
  serverTiming?: boolean;
  /**
   * Whether every answer carries `Proxy-Status` (RFC 9209), and says more: the status that was received, where it is
   * not the one sent, and the error in words. Errors carry the field in any case.
   * @default true
   */
  proxyStatus?: boolean;
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
