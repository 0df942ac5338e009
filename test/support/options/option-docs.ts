import { TRANSCRIPTIONS } from '../../../lib/config/openresty-shape.js';
import { interfaceDocs, type OptionDoc } from './interface-docs.js';

export type { OptionDoc } from './interface-docs.js';

const docsOf = interfaceDocs([
  'lib/apis/options.ts',
  'lib/apis/shared-options.ts',
  'lib/apis/part-list.ts',
  'lib/apis/stages.ts',
  'lib/breaker/breaker-options.ts',
  'lib/cache/cache-options.ts',
  'lib/concurrency/concurrency-options.ts',
  'lib/config/redis-schema.ts',
  'lib/config/schema.ts',
  'lib/core/exchange.ts',
  'lib/explain/explain-options.ts',
  'lib/http/failure-rules.ts',
  'lib/http/failure-when.ts',
  'lib/metrics/metrics-options.ts',
  'lib/proxy-rotate/ban-rule.ts',
  'lib/proxy-rotate/gateway-proxy.ts',
  'lib/proxy-rotate/health-options.ts',
  'lib/proxy-rotate/named-proxy.ts',
  'lib/proxy-rotate/proxy-rotate-options.ts',
  'lib/proxy-rotate/request-window.ts',
  'lib/rate-limit/rate-limit-options.ts',
  'lib/request-id/request-id-options.ts',
  'lib/retry/retry-options.ts',
  'lib/stats/slo/slo-options.ts',
  'lib/stats/stats-options.ts',
  'lib/tracing/tracing-options.ts',
  'lib/upstream/options/forward-options.ts',
  'lib/upstream/options/transport-options.ts',
]);

/** Options of one API with those of its blocks. The API's own come before those of `forward()`. */
export const API_DOCS: readonly OptionDoc[] = [
  ...new Map(
    ['ForwardOptions', 'TransportOptions', 'ApiOptions', 'PartBlocks']
      .flatMap(docsOf)
      .map((doc) => [doc.name, doc]),
  ).values(),
];

/** Options that all APIs share. */
export const SHARED_DOCS: readonly OptionDoc[] = docsOf('SharedOptions');

/** The block `server` of a file. */
export const SERVER_DOCS: readonly OptionDoc[] = docsOf('GatewaySettings');

/** The block `redis` of a file. */
export const REDIS_DOCS: readonly OptionDoc[] = docsOf('RedisBlock');

/** An option of the OpenResty gateway, by the path of this package's option. */
export interface OpenrestyName {
  readonly name: string;
  readonly inSeconds: boolean;
}

const SWITCHES: Readonly<Record<string, string>> = {
  enable_cache: 'cache',
  use_proxy: 'proxyRotate',
  circuit_breaker: 'breaker',
};

/** What the OpenResty gateway called an option, as `cache.ttlMs`. */
export function openrestyName(path: string): OpenrestyName | undefined {
  const [name, transcription] =
    Object.entries(TRANSCRIPTIONS).find(([, { to }]) => to.join('.') === path) ?? [];
  if (name) return { name, inSeconds: transcription?.by !== undefined };
  const [block] = Object.entries(SWITCHES).find(([, to]) => to === path) ?? [];
  return block ? { name: block, inSeconds: false } : undefined;
}

/** What a name of the OpenResty gateway means. */
export function openrestyDescription(name: string): string | undefined {
  const block = SWITCHES[name];
  if (name === 'circuit_breaker')
    return 'OpenResty name of `breaker`, whose options have OpenResty names there.';
  if (block) return `Turns \`${block}\` on or off (OpenResty name).`;
  const { to = [], by } = TRANSCRIPTIONS[name] ?? {};
  const doc = to.reduce<OptionDoc | undefined>(
    (found, key) => (found ? found.members : API_DOCS).find((one) => one.name === key),
    undefined,
  );
  if (!doc) return undefined;
  const unit = by ? ', in seconds' : '';
  const [what] = doc.description.split(/(?<=\.) /);
  return `OpenResty name of \`${to.join('.')}\`${unit}. ${what}`;
}
