import type { Api } from '../apis/part-list.js';
import type { BreakerHandler } from '../breaker/breaker.js';
import type { BreakerEvents } from '../breaker/breaker-events.js';
import type { ConcurrencyHandler } from '../concurrency/concurrency.js';
import type { ProxyRotateHandler } from '../proxy-rotate/proxy-rotate.js';
import type { ProxyRotateEvents } from '../proxy-rotate/proxy-rotate-events.js';
import type { RateLimitHandler } from '../rate-limit/rate-limit.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { RetryHandler } from '../retry/retry.js';
import type { Logger } from './logger.js';

/** Calls that find no proxy are many: one line a minute says so. */
const EXHAUSTED_QUIET_MS = 60_000;

/** A retry budget refills a little with each call, so during an outage it is spent again and again. */
const BUDGET_QUIET_MS = 60_000;

/** Calls are refused one by one while the limit is reached. */
const REFUSED_QUIET_MS = 60_000;

/**
 * Logs each change of state: of Redis, circuits, egress proxies, advertised rate limits, limits of requests in flight,
 * retry budgets and what is sent by OTLP. What gets worse is a warning, what gets better an info.
 *
 * @param from `isWorker`: another process of the gateway logs what all of them share
 * @returns to be called again after an update of the proxy, for the parts that are new
 */
export function logStates(
  proxy: ResilientProxy,
  logger: Logger,
  { isWorker = false }: { isWorker?: boolean } = {},
): () => void {
  const known = new WeakSet<object>();
  const isNew = <T extends object>(part: T | undefined): part is T => {
    if (!part || known.has(part)) return false;
    known.add(part);
    return true;
  };

  function listen(): void {
    for (const { name, breaker, concurrency, proxyRotate, rateLimit, retry } of proxy.apis.values()) {
      if (isNew(breaker) && !(isWorker && isShared(breaker))) logCircuit(name, breaker, logger);
      if (isNew(proxyRotate)) logProxies(proxyRotate, logger);
      if (isNew(rateLimit)) logLimits(rateLimit, logger);
      if (isNew(concurrency)) logConcurrency(concurrency, logger);
      if (isNew(retry)) logBudget(name, retry, logger);
    }
  }
  listen();
  for (const view of proxy.otlp) {
    view.on('change', ({ message, ...otlp }) => {
      if (otlp.state === 'ok') logger.info({ otlp }, message);
      else logger.warn({ otlp }, message);
    });
  }
  // Each process has its own connection, and they fare alike.
  if (isWorker) return listen;
  proxy.redis?.on('change', ({ message, ...redis }) => {
    if (redis.state === 'up') logger.info({ redis }, message);
    else logger.warn({ redis }, message);
  });
  return listen;
}

/** Whether the circuit, which has just begun, is that of all processes. */
const isShared = (breaker: BreakerHandler) => breaker.circuit().snapshot().scope === 'fleet';

function logCircuit(api: Api['name'], breaker: BreakerHandler, logger: Logger): void {
  const circuit = `circuit ${JSON.stringify(api)}`;
  breaker.on('open', (event) => {
    const { lastFailure, config } = breaker.circuit().snapshot();
    logger.warn(event, `${circuit} ${opening(event, lastFailure, config.scope)}`);
  });
  breaker.on('halfOpen', (event) =>
    logger.info(event, `${circuit} is half open: the next requests are probes`),
  );
  breaker.on('close', (event) => logger.info(event, `${circuit} closed${forAll(event)}: ${event.reason}`));
}

function opening(
  event: BreakerEvents['open'][0],
  lastFailure: string | null,
  scope: 'fleet' | 'process',
): string {
  const { reason, failures, failureText, retryAfterMs } = event;
  const whose = scope === 'fleet' && event.by === undefined ? ' in this process alone' : forAll(event);
  if (reason === 'forced') return `was forced open${whose}`;
  const cause =
    reason === 'failures in a row' ? inARow(failures, failureText) : withText(reason, failureText);
  const last = lastFailure === null ? '' : ` (last: ${lastFailure})`;
  return `opened${whose}: ${cause}${last}; probe in ${inSeconds(retryAfterMs)}`;
}

const forAll = ({ by }: { readonly by?: string | undefined }): string =>
  by === undefined ? '' : ` for all processes (by ${by})`;

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
  let quietUntil = Number.NEGATIVE_INFINITY;
  rotation.on('exhausted', (event) => {
    // Each call that finds none says so.
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + EXHAUSTED_QUIET_MS;
    const what = event.direct
      ? 'calls go directly'
      : `calls get 503; retry in ${inSeconds(event.retryAfterMs)}`;
    logger.warn(
      event,
      `no egress proxy of ${JSON.stringify(event.api)} can be used for ${event.origin}: ${what}`,
    );
  });
  logList(rotation, logger);
}

function logList(rotation: ProxyRotateHandler, logger: Logger): void {
  const failed = (event: ProxyRotateEvents['listFailed'][0]) =>
    logger.warn(
      event,
      `the list of egress proxies ${event.source} cannot be read: ${event.reason}; ${event.proxies} stay in use`,
    );
  const read = (event: ProxyRotateEvents['list'][0]) => {
    const { source, proxies, added, removed, wrongLines, problems } = event;
    const changes = `${proxies} in use, ${added} added, ${removed} removed`;
    logger.info(event, `the list of egress proxies ${source} was read: ${changes}`);
    const [first] = problems;
    if (!first) return;
    const more = wrongLines === 1 ? '' : `, and ${wrongLines - 1} more`;
    logger.warn(event, `${source}: line ${first.line} ${first.rule}${more}; left out`);
  };
  // A file was read before anybody could listen.
  const state = rotation.list();
  if (state?.readAt !== undefined) read({ ...state, added: state.proxies, removed: 0 });
  if (state?.failure !== undefined) failed({ ...state, reason: state.failure });
  rotation.on('list', read);
  rotation.on('listFailed', failed);
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

function logConcurrency(limits: ConcurrencyHandler, logger: Logger): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  limits.on('refused', (event) => {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + REFUSED_QUIET_MS;
    const why = event.because === 'wait' ? 'calls wait for too long' : 'the queue is full';
    logger.warn(
      event,
      `too many requests to ${JSON.stringify(event.api)} at once: ${event.inFlight} in flight, ${why}`,
    );
  });
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
