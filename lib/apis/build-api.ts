import { pipeline } from '../core/pipeline.js';
import { readAheadLimit } from '../core/read-ahead.js';
import { explain } from '../explain/explain.js';
import { validateBody } from '../validate-body/validate-body.js';
import { WEBSOCKET } from '../websocket/protocols.js';
import { checkHandshake } from '../websocket/upgrade.js';
import { LiveApi } from './live-api.js';
import type { ApiParts } from './part-list.js';
import { ownWriters, type PartSources } from './parts.js';
import type { SharedParts } from './shared-parts.js';
import type { SortedOptions } from './sort-options.js';
import { type PlacedStage, withOwnStages } from './stages.js';

/** The one place that shows the order of the stages. */
export function buildApi(
  { metrics, stats, tracing }: SharedParts,
  name: string,
  options: SortedOptions,
  parts: ApiParts,
  sources: () => PartSources,
): LiveApi {
  const facts = { sources, ownWriters: ownWriters(options) };
  const readsAhead = options.rules.validateJson || options.cache !== false;
  const { bodyTimeoutMs, minBodyRate } = options.forward;
  const limitReadAhead = readsAhead ? readAheadLimit(bodyTimeoutMs, minBodyRate) : undefined;
  const explaining = options.explain ? explain(options.explain) : undefined;
  const { cache } = parts;
  return new LiveApi(name, parts, facts, (countDetached) => {
    // A call that an open circuit refuses waits for no quota, and takes none.
    const outward: PlacedStage[] = [
      ['breaker', parts.breaker],
      ['rateLimit', parts.rateLimit],
      ['concurrency', parts.concurrency],
      ['retry', parts.retry],
      ['proxyRotate', parts.proxyRotate],
      ['forward', parts.forward],
    ];
    const calls: PlacedStage[] = [
      ['explain', explaining],
      ['tracing', tracing],
      ['metrics', metrics],
      ['validateBody', parts.forward.admission, limitReadAhead, validateBody(options.rules)],
      // Once more behind the cache, which makes calls of its own; no call is counted twice.
      ['cache', cache, ...(cache ? [explaining, tracing, metrics, stats, countDetached] : [])],
      ...outward,
    ];
    const handshakes: PlacedStage[] = [
      ['explain'],
      ['tracing', tracing],
      ['metrics', metrics],
      ['validateBody', parts.forward.admission, checkHandshake],
      ['cache'],
      ...outward,
    ];
    return {
      ws: options.ws,
      upgrades: options.forward.upgrades ?? [WEBSOCKET],
      handle: pipeline(withOwnStages(options.stages, calls)),
      upgrade: pipeline(withOwnStages(options.stages, handshakes)),
    };
  });
}
