import * as z from 'zod';
import { durationMs, optionsObject } from '../core/options.js';

/** Checks of the proxies in the background. */
export interface HealthCheckOptions {
  /** http or https URL that is requested through each proxy, by GET and without credentials. */
  url: string;
  /**
   * How often each proxy is checked. One that cools down is checked when that is over.
   * @default 30000
   */
  intervalMs?: number | undefined;
  /**
   * Time limit of a check, up to the headers of the response.
   * @default 5000
   */
  timeoutMs?: number | undefined;
  /**
   * Statuses of a response that is as it should be.
   * @default any from 200 to 299
   */
  expectedStatus?: readonly number[] | undefined;
}

export const healthCheckOption = optionsObject({
  url: z
    .string()
    .refine(
      (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
      'must be an http or https URL',
    )
    .refine((text) => !/^[^/]*\/\/[^/]*@/.test(text), 'must have no user and password'),
  intervalMs: durationMs.min(100).default(30_000),
  timeoutMs: durationMs.default(5000),
  expectedStatus: z.array(z.number().int().min(200).max(599)).min(1).optional(),
});

/** {@link HealthCheckOptions} with every default filled in. */
export type ResolvedHealthCheck = z.output<typeof healthCheckOption>;
