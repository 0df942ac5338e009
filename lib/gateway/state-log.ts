import type { Api } from '../apis/part-list.js';
import type { BreakerHandler } from '../breaker/breaker.js';
import type { BreakerEvents } from '../breaker/breaker-events.js';
import type { ProxyRotateHandler } from '../proxy-rotate/proxy-rotate.js';
import type { ProxyRotateEvents } from '../proxy-rotate/proxy-rotate-events.js';
import type { RateLimitHandler } from '../rate-limit/rate-limit.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { RetryHandler } from '../retry/retry.js';
import type { Logger } from './logger.js';

/** A retry budget refills a little with each call, so during an outage it is spent again and again. */
const BUDGET_QUIET_MS = 60_000;

/**
 * Logs each change of state: of circuits, egress proxies, advertised rate limits and retry budgets. What gets worse is a
 * warning, what gets better an info.
 *
 * @returns to be called again after an update of the proxy, for the parts that are new
 */
export function logStates(proxy: ResilientProxy, logger: Logger): () => void {
  const known = new WeakSet<object>();
  const isNew = <T extends object>(part: T | undefined): part is T => {
    if (!part || known.has(part)) return false;
    known.add(part);
    return true;
  };

  function listen(): void {
    for (const { name, breaker, proxyRotate, rateLimit, retry } of proxy.apis.values()) {
      if (isNew(breaker)) logCircuit(name, breaker, logger);
      if (isNew(proxyRotate)) logProxies(proxyRotate, logger);
      if (isNew(rateLimit)) logLimits(rateLimit, logger);
      if (isNew(retry)) logBudget(name, retry, logger);
    }
  }
  listen();
  return listen;
}

function logCircuit(api: Api['name'], breaker: BreakerHandler, logger: Logger): void {
  const circuit = `circuit ${JSON.stringify(api)}`;
  breaker.on('open', (event) => {
    const { lastFailure } = breaker.circuit().snapshot();
    logger.warn(event, `${circuit} ${opening(event, lastFailure)}`);
  });
  breaker.on('halfOpen', (event) =>
    logger.info(event, `${circuit} is half open: the next requests are probes`),
  );
  breaker.on('close', (event) => logger.info(event, `${circuit} closed: ${event.reason}`));
}

function opening(
  { reason, failures, failureText, retryAfterMs }: BreakerEvents['open'][0],
  lastFailure: string | null,
): string {
  if (reason === 'forced') return 'was forced open';
  const cause =
    reason === 'failures in a row' ? inARow(failures, failureText) : withText(reason, failureText);
  const last = lastFailure === null ? '' : ` (last: ${lastFailure})`;
  return `opened: ${cause}${last}; probe in ${inSeconds(retryAfterMs)}`;
}

/** `5 failures in a row: 3 timeouts of the target, 2 resets`; of one kind alone the last one says enough. */
function inARow(failures: number, text: string): string {
  const what = `${failures} ${failures === 1 ? 'failure' : 'failures'} in a row`;
  const kinds = text.slice(text.indexOf(': ') + 2);
  return kinds.includes(', ') ? `${what}: ${kinds}` : what;
}

const withText = (reason: string, text: string): string => (text === '' ? reason : `${reason}, ${text}`);

function logProxies(rotation: ProxyRotateHandler, logger: Logger): void {
  rotation.on('cooldown', (event) =>
    logger.warn(
      event,
      `${proxyName(event)} is cooling down for ${inSeconds(event.cooldownMs)}: ${event.reason}`,
    ),
  );
  rotation.on('recovered', (event) => logger.info(event, `${proxyName(event)} has recovered`));
}

function proxyName({ proxy, origin }: ProxyRotateEvents['recovered'][0]): string {
  const name = proxy === undefined ? 'the direct connection' : `egress proxy ${JSON.stringify(proxy)}`;
  return origin === undefined ? name : `${name} to ${origin}`;
}

function logLimits(limits: RateLimitHandler, logger: Logger): void {
  const limitOf = (api: string) => `the advertised rate limit of ${JSON.stringify(api)}`;
  limits.on('limitExhausted', (event) =>
    logger.warn(event, `${limitOf(event.api)} is exhausted; it resets in ${inSeconds(event.retryAfterMs)}`),
  );
  limits.on('limitAvailable', (event) => logger.info(event, `${limitOf(event.api)} is available again`));
}

function logBudget(api: Api['name'], retry: RetryHandler, logger: Logger): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  retry.on('giveUp', ({ stop }) => {
    const now = performance.now();
    if (stop !== 'budget' || now < quietUntil) return;
    quietUntil = now + BUDGET_QUIET_MS;
    logger.warn(
      { api },
      `the retry budget of ${JSON.stringify(api)} is spent: some failed calls are not retried`,
    );
  });
}

const inSeconds = (ms: number): string => `${Math.max(1, Math.ceil(ms / 1000))} s`;
