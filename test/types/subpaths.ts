// Compiled, never run: each entry point has its types, by old resolution of modules too.
import { statsDashboard } from '../../dashboards/index.js';
import { breaker } from '../../lib/breaker/index.js';
import { cache } from '../../lib/cache/index.js';
import { concurrency } from '../../lib/concurrency/index.js';
import { parseConfig } from '../../lib/config/index.js';
import { explain } from '../../lib/explain/index.js';
import { createGateway, gatewayLogger } from '../../lib/gateway/index.js';
import { metrics } from '../../lib/metrics/index.js';
import { proxyRotate } from '../../lib/proxy-rotate/index.js';
import { rateLimit } from '../../lib/rate-limit/index.js';
import { retry } from '../../lib/retry/index.js';
import { stats } from '../../lib/stats/index.js';
import { tracing } from '../../lib/tracing/index.js';
import { forward } from '../../lib/upstream/index.js';

export function stages() {
  const { config, gateway } = parseConfig('{}', { format: 'json' });
  const { circuits } = createGateway({
    config,
    gateway,
    logger: gatewayLogger('info', process.stdout),
  }).proxy;
  circuits.list();
  const counted = stats();
  statsDashboard(counted);
  const stages = [tracing(), metrics(), counted, explain(), cache(), rateLimit(), concurrency(), breaker()];
  return [...stages, retry(), proxyRotate(), forward({ target: 'https://api.example.com' })];
}
