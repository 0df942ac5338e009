import type { AttemptFailure, AttemptOutcome, HeldBody, ResponseHead } from '../core/attempt.js';
import { DIRECT } from '../core/egress.js';
import type { ProxyError } from '../core/errors.js';
import type { Events } from '../core/events.js';
import type { Clock } from '../core/steady-clock.js';
import { requestedDelayMs } from '../http/advertised-limits.js';
import type { Cooldown, Mishap } from './cooldown.js';
import { DialError } from './dial-error.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane, Lanes } from './lanes.js';
import { noProxyError, retryAfter } from './no-proxy-error.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import type { ResolvedProxyRotate } from './proxy-rotate-options.js';
import type { Route } from './route.js';
import type { Found } from './strategies.js';
import type { Waiting } from './waiting.js';

/** Failures of a request that was sent which a proxy can cause, and what it then does with a target. */
const BY_PROXY: ReadonlyMap<string, string> = new Map([
  ['ERR_UPSTREAM_RESET', 'breaks off connections to'],
  ['ERR_UPSTREAM_PROTOCOL', 'breaks off connections to'],
  ['ERR_UPSTREAM_TIMEOUT', 'gets no responses in time from'],
]);

/** Reason of a cool-down that an application wants. */
const FORCED = 'forced';

/**
 * Says whose failure it was, the proxy's or the target's, by comparing: what happens through one proxy and not through
 * others is that proxy's.
 */
export class Judge {
  readonly #now: Clock;
  readonly #options: ResolvedProxyRotate;
  readonly #events: Events<ProxyRotateEvents>;
  readonly #lanes: Lanes;
  readonly #waiting: Waiting;

  constructor(
    options: ResolvedProxyRotate,
    events: Events<ProxyRotateEvents>,
    lanes: Lanes,
    waiting: Waiting,
    clock: Clock,
  ) {
    this.#options = options;
    this.#events = events;
    this.#lanes = lanes;
    this.#waiting = waiting;
    this.#now = clock;
  }

  dialEnded(proxy: EgressProxy, beganAt: number, lane: Lane, failure: DialError | undefined): void {
    if (failure?.concerns === 'proxy') {
      this.#failed(proxy, undefined, proxy.cooldown, { reason: failure.reason, beganAt });
      return;
    }
    this.#worked(proxy, undefined, proxy.cooldown, beganAt);
    if (!failure) proxy.reached();
    else if (!proxy.missed()) this.#suspect(proxy, lane, { reason: failure.reason, beganAt }, failure.silent);
  }

  /** A check of its health has ended. */
  checked(proxy: EgressProxy, beganAt: number, failure: DialError | 'unknown' | undefined): void {
    const { cooldown } = proxy;
    if (failure === undefined) this.#worked(proxy, undefined, cooldown, beganAt);
    else if (failure !== 'unknown') {
      const reason = `health check: ${failure.reason}`;
      this.#failed(proxy, undefined, cooldown, { reason, beganAt, atOnce: true });
    } else {
      cooldown.release(beganAt, this.#now());
      this.#waiting.wake();
    }
  }

  responded(route: Route, head: ResponseHead, body?: HeldBody): void {
    const { lane, proxy, chosenAt } = route;
    if (!lane) return;
    const { strategy, cooldownOnStatus, isBan } = this.#options;
    if (lane.suspects.size > 0) this.#convict(lane, proxy, chosenAt);
    if (proxy) {
      lane.outcomes.worked(proxy);
      if (!proxy.cooldown.spotless) this.#worked(proxy, undefined, proxy.cooldown, chosenAt);
    }
    if (!proxy && strategy !== 'on_rate_limit') return;
    if (cooldownOnStatus.has(head.status)) {
      route.refused = true;
      if (proxy) route.refusals++;
      const reason = `status ${head.status} of ${lane.host}`;
      const cooldownMs = requestedDelayMs(head, Date.now());
      const mishap = { reason, beganAt: chosenAt, cooldownMs, atOnce: true };
      if (proxy) this.#failedHere(proxy, lane, mishap);
      else this.#failed(proxy, lane, lane.direct, mishap);
      return;
    }
    if (proxy && isBan(head, body)) {
      route.refused = true;
      route.refusals++;
      if (proxy.varies) {
        proxy.tally.bans++;
        proxy.giveUp(chosenAt);
        return;
      }
      route.refusedThrough ??= [];
      route.refusedThrough.push(proxy);
      return;
    }
    if (route.refusedThrough) this.#banned(route.refusedThrough, lane, chosenAt);
    const cooldown = proxy ? lane.cooldowns.get(proxy) : lane.direct;
    if (cooldown && !cooldown.spotless) this.#worked(proxy, lane, cooldown, chosenAt);
  }

  /** The same call has passed through another proxy: the target has banned these. */
  #banned(proxies: EgressProxy[], lane: Lane, beganAt: number): void {
    for (const proxy of proxies.splice(0)) {
      proxy.tally.bans++;
      const mishap = { reason: `a ban by ${lane.host}`, beganAt, atOnce: true };
      this.#failedHere(proxy, lane, mishap);
    }
  }

  /** A target does not take what comes by a proxy. */
  #failedHere(proxy: EgressProxy, lane: Lane, mishap: Mishap): void {
    if (!proxy.giveUp(mishap.beganAt)) {
      this.#failed(proxy, lane, this.#lanes.cooldown(lane, proxy), mishap);
      return;
    }
    lane.cooldowns.delete(proxy);
    this.#waiting.wake();
  }

  /** @param brokeOff how a response has broken off whose head had arrived */
  ended(route: Route, outcome: AttemptOutcome, brokeOff: AttemptFailure | undefined): void {
    const { lane, proxy, chosenAt, probe } = route;
    if (!lane) return;
    if (outcome.kind === 'failure' && proxy) this.#attemptFailed(route, lane, proxy, outcome);
    else if (brokeOff?.by === 'target' && proxy) this.#compare(lane, proxy, chosenAt, brokeOff);
    if (probe) this.#release(lane, proxy, chosenAt);
  }

  #attemptFailed(route: Route, lane: Lane, proxy: EgressProxy, failure: AttemptFailure): void {
    const { by, error, unsent, staleConnection } = failure;
    const { chosenAt } = route;
    // A dial has told on its own account what went wrong, and when it began.
    if (by === 'egress' && !(error instanceof DialError)) {
      this.#failed(proxy, undefined, proxy.cooldown, { reason: error.message, beganAt: chosenAt });
    }
    if (by !== 'target' || unsent || staleConnection) return;
    route.avoid = proxy;
    this.#compare(lane, proxy, chosenAt, failure);
  }

  #compare(lane: Lane, proxy: EgressProxy, beganAt: number, { error }: AttemptFailure): void {
    const what = BY_PROXY.get(error.code);
    if (what === undefined || !lane.outcomes.failed(proxy)) return;
    this.#failedHere(proxy, lane, { reason: `${what} ${lane.host}`, beganAt, atOnce: true });
  }

  /** No proxy can reach the target: none of them is to blame. */
  acquit(lane: Lane): void {
    for (const [proxy, { told }] of lane.suspects) {
      lane.cooldowns.delete(proxy);
      if (told) this.#recovered(proxy, lane);
    }
    lane.suspects.clear();
    this.#waiting.wake();
  }

  /** Nothing can be compared: a silent proxy is to blame, unless another turns out to be silent as well. */
  blameSilent(lane: Lane): void {
    for (const [proxy, suspicion] of lane.suspects) {
      const { reason, cooldownMs } = suspicion;
      if (cooldownMs === undefined) continue;
      lane.suspects.set(proxy, { ...suspicion, cooldownMs: undefined, told: true });
      this.#announce(proxy, lane, reason, cooldownMs);
    }
  }

  /** Leaves the proxy out until it is known who is to blame. */
  #suspect(proxy: EgressProxy, lane: Lane, mishap: Mishap, silent: boolean): void {
    const { reason, beganAt } = mishap;
    const cooldownMs = this.#lanes.cooldown(lane, proxy).failed(mishap, this.#now());
    if (cooldownMs !== undefined || !lane.suspects.has(proxy)) {
      lane.suspects.set(proxy, { reason, beganAt, cooldownMs, silent, told: false });
    }
    this.#waiting.wake();
  }

  /** The target was reached: those that could not reach it meanwhile are to blame. */
  #convict(lane: Lane, through: EgressProxy | undefined, beganAt: number): void {
    for (const [proxy, suspicion] of [...lane.suspects]) {
      if (proxy === through || beganAt < suspicion.beganAt) continue;
      lane.suspects.delete(proxy);
      const { reason, cooldownMs } = suspicion;
      if (proxy.giveUp(beganAt)) lane.cooldowns.delete(proxy);
      else if (cooldownMs !== undefined) this.#announce(proxy, lane, reason, cooldownMs);
    }
  }

  /** Takes proxies out of use, whatever is known of them. @throws RangeError if none has the name */
  force(proxies: readonly EgressProxy[], name: string | undefined, forMs: number): void {
    const forced = name === undefined ? proxies : proxies.filter((proxy) => proxy.name === name);
    if (forced.length === 0) {
      const names = proxies.map((proxy) => `"${proxy.name}"`).join(', ');
      throw new RangeError(`No egress proxy is named "${name}"; there are ${names || 'none'}`);
    }
    for (const proxy of forced) {
      proxy.cooldown.force(FORCED, forMs, this.#now());
      this.#announce(proxy, undefined, FORCED, forMs);
    }
  }

  /** What becomes of an attempt for which no proxy is left. */
  nothingLeft(
    route: Route,
    lane: Lane,
    tried: ReadonlySet<string>,
    found: Found,
    proxies: readonly EgressProxy[],
    now: number,
  ): ProxyError | typeof DIRECT {
    const { name: api, fallback, list, env } = this.#options;
    const retryAfterMs = retryAfter(found, now);
    const direct = fallback === 'direct';
    if (this.#events.has('exhausted'))
      this.#events.emit('exhausted', { api, origin: lane.origin, retryAfterMs, direct });
    if (direct) return DIRECT;
    route.lane = undefined;
    const { coolsDownUntil } = found;
    const { key } = route;
    return noProxyError(
      { api, proxies, hasList: list !== undefined, env, lane, tried, key, coolsDownUntil, now },
      retryAfterMs,
    );
  }

  #worked(proxy: EgressProxy | undefined, lane: Lane | undefined, cooldown: Cooldown, beganAt: number): void {
    const { reason } = cooldown;
    const recovered = cooldown.succeeded(beganAt, this.#now());
    if (cooldown.spotless) {
      cooldown.reason = undefined;
      if (proxy && lane) {
        lane.cooldowns.delete(proxy);
        lane.suspects.delete(proxy);
      }
    }
    if (!recovered) return;
    this.#waiting.wake();
    if (reason !== undefined) this.#recovered(proxy, lane);
  }

  #recovered(proxy: EgressProxy | undefined, lane: Lane | undefined): void {
    if (!this.#events.has('recovered')) return;
    this.#events.emit('recovered', { api: this.#options.name, proxy: proxy?.name, origin: lane?.origin });
  }

  #failed(proxy: EgressProxy | undefined, lane: Lane | undefined, cooldown: Cooldown, mishap: Mishap): void {
    const cooldownMs = cooldown.failed(mishap, this.#now());
    this.#waiting.wake();
    if (cooldownMs !== undefined) this.#announce(proxy, lane, mishap.reason, cooldownMs);
  }

  #announce(
    proxy: EgressProxy | undefined,
    lane: Lane | undefined,
    reason: string,
    cooldownMs: number,
  ): void {
    if (!this.#events.has('cooldown')) return;
    const { name: api } = this.#options;
    this.#events.emit('cooldown', { api, proxy: proxy?.name, origin: lane?.origin, reason, cooldownMs });
  }

  /** A probe without a result, for instance because its client has left. */
  #release(lane: Lane, proxy: EgressProxy | undefined, begunAt: number): void {
    const now = this.#now();
    if (proxy) {
      proxy.cooldown.release(begunAt, now);
      lane.cooldowns.get(proxy)?.release(begunAt, now);
    } else lane.direct.release(begunAt, now);
    this.#waiting.wake();
  }
}
