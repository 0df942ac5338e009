import type { ManyApisConfig } from '../apis/options.js';

/** Bytes per second, as in Apache's mod_reqtimeout; Kestrel has 240. */
export const MIN_BODY_RATE = 500;

/** What differs from `resilientProxy()`: here nobody else looks after slow clients, nor gives requests their ids. */
export function withPresets(config: ManyApisConfig): ManyApisConfig {
  const defaults = { minBodyRate: MIN_BODY_RATE, ...config.defaults };
  return { metrics: { eventLoop: true }, requestId: true, ...config, defaults };
}
