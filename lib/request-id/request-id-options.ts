import * as z from 'zod';
import { optionsObject, resolveOptions } from '../core/options.js';

/** Options of `requestId()`. */
export interface RequestIdOptions {
  /**
   * Takes the `X-Request-Id` of the client: 1 to 128 letters, digits and `. _ : + / = -`. `false` gives each call a new
   * one, whatever the client sends: for clients whom you do not trust with what your logs are searched by.
   * @default true
   */
  accept?: boolean | undefined;
}

/** What `requestId()` may be given. */
export const requestIdSchema = optionsObject({ accept: z.boolean().default(true) });

/** {@link RequestIdOptions} with every default filled in. */
export type ResolvedRequestId = Readonly<z.output<typeof requestIdSchema>>;

/** @throws InvalidOptionError */
export function resolveRequestId(options: RequestIdOptions, place = 'requestId'): ResolvedRequestId {
  return resolveOptions(requestIdSchema, options, place);
}
