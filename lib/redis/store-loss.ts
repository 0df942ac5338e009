import type { SharedRedis } from './shared-redis.js';

/**
 * By how many processes a configured limit is divided while Redis is lost, by `onStoreLoss`: `Infinity`, nothing may go;
 * `undefined`, each process has the whole limit.
 */
export function lossOf(shared: SharedRedis | undefined): (() => number) | undefined {
  if (shared?.onStoreLoss === 'reject') return () => Number.POSITIVE_INFINITY;
  return shared?.onStoreLoss === 'divided' ? () => shared.health.processes : undefined;
}
