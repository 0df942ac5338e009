import type { Part } from '../core/part.js';
import { type RetryHandler, retry } from './retry.js';
import { type RetryOptions, retrySchema } from './retry-options.js';

export const retryPart: Part<'retry', RetryOptions, RetryHandler, undefined> = {
  name: 'retry',
  options: { schema: retrySchema, file: retrySchema.shape, preset: {} },
  make: (options) => retry(options),
};
