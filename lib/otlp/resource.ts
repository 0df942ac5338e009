import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Resources from '@opentelemetry/resources';
import { dependencyOf } from './packages.js';

/** One process, as collectors tell it apart: the two signals of a process have the same. */
const INSTANCE = randomUUID();

/**
 * What all that is sent is about: this process. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before the
 * defaults.
 * @param sdk the package whose resources these are
 */
export function resourceOf(sdk: string): Resources.Resource {
  const { resourceFromAttributes, detectResources, envDetector, defaultResource } = dependencyOf(
    sdk,
    '@opentelemetry/resources',
  ) as typeof Resources;
  const own = resourceFromAttributes({
    'service.name': 'resilient-proxy-out',
    'service.version': version(),
    'service.instance.id': INSTANCE,
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

function version(): string {
  // By the package's own name: sources and built files lie at different depths.
  const found: { version?: unknown } = createRequire(import.meta.url)('resilient-proxy-out/package.json');
  return String(found.version);
}
