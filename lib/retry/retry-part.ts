import type { Row } from '../core/metric-family.js';
import type { Part } from '../core/part.js';
import { type RetryHandler, retry } from './retry.js';
import { type RetryOptions, retryFileShape, retrySchema } from './retry-options.js';

export const retryPart: Part<'retry', RetryOptions, RetryHandler, undefined> = {
  name: 'retry',
  options: { schema: retrySchema, file: retryFileShape, preset: {} },
  reset: (handler) => handler.reset(),
  make: (options) => retry(options),
  families: (list) => [
    {
      type: 'gauge',
      name: 'retry_budget_remaining',
      help: 'Retries that the budget of an API allows at this moment.',
      labels: ['api'],
      rows: () =>
        [...list()].flatMap(([api, handler]): Row[] => {
          const left = handler.budgetLeft();
          return left === undefined ? [] : [[{ api }, left]];
        }),
    },
  ],
};
