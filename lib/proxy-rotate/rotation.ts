import type { AttemptOutcome, ResponseHead } from '../core/attempt.js';
import { DIRECT, type Egress, type EgressCall, type EgressTarget } from '../core/egress.js';
import type { EgressProxyStatus } from '../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import type { Events } from '../core/events.js';
import type { Clock } from '../core/steady-clock.js';
import { requestedDelayMs } from '../http/advertised-limits.js';
import type { Cooldown, Mishap } from './cooldown.js';
import { DialError } from './dial-error.js';
import { cooldownStatus, EgressProxy, type ProxyOwner } from './egress-proxy.js';
import { type Lane, Lanes } from './lanes.js';
import { noProxyError } from './no-proxy-error.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import type { ResolvedProxyRotate } from './proxy-rotate-options.js';
import type { Route, RouteOwner, Way } from './route.js';
import { type Found, firstFrom, hash, leastUsed, nextInTurn, readyAt } from './strategies.js';
import { Waiting } from './waiting.js';

const clientAddress = (req: EgressCall['req']): string => req.socket?.remoteAddress ?? '';

/** `Retry-After` if nobody knows when a proxy will be available. */
const SOON_MS = 1000;

/** The egress proxies of one `proxyRotate()`: chooses one for each attempt, and learns from its outcome. */
export class Rotation implements RouteOwner, ProxyOwner {
  readonly now: Clock;
  readonly #options: ResolvedProxyRotate;
  readonly #events: Events<ProxyRotateEvents>;
  readonly #proxies: readonly EgressProxy[];
  readonly #lanes: Lanes;
  readonly #waiting = new Waiting();
  readonly #direct = { attempts: 0, active: 0 };
  #turn = 0;
  #closed = false;

  constructor(options: ResolvedProxyRotate, events: Events<ProxyRotateEvents>, clock: Clock) {
    this.#options = options;
    this.#events = events;
    this.now = clock;
    const times = { ...options, probeTimeoutMs: options.connectTimeoutMs * 2 };
    this.#proxies = options.proxies.map(
      (proxy, index) => new EgressProxy(proxy, index, options, times, this),
    );
    this.#lanes = new Lanes(times, options.noProxy);
  }

  choose(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Way | Promise<Way> {
    const lane = this.#lanes.of(target);
    const now = this.now();
    route.lane = lane;
    route.proxy = undefined;
    route.chosenAt = now;
    route.probe = false;
    if (this.#closed) return this.#shutDown(route);
    if (lane.bypass) return DIRECT;
    if (this.#options.strategy === 'on_rate_limit' && this.#mayGoDirect(route, lane, call, now))
      return DIRECT;
    const found = this.#search(route, call, tried, lane, now);
    if (found.proxy) return this.#take(route, call, found.proxy, lane, now);
    if (found.onProbe) return this.#afterProbe(route, call, tried, lane);
    return this.#nothingLeft(route, lane, tried, found, now);
  }

  begins({ proxy }: Route): void {
    const used = proxy ?? this.#direct;
    used.attempts++;
    used.active++;
  }

  responded({ lane, proxy, chosenAt }: Route, head: ResponseHead): void {
    if (lane) this.#responded(lane, proxy, chosenAt, head);
  }

  ended(route: Route, outcome: AttemptOutcome): void {
    const { lane, proxy, chosenAt, probe } = route;
    if (!lane) return;
    const used = proxy ?? this.#direct;
    used.active--;
    route.lane = undefined;
    // A dial has told on its own account what went wrong, and when it began.
    if (outcome.kind === 'failure' && proxy && outcome.by === 'egress') {
      const { error } = outcome;
      if (!(error instanceof DialError)) {
        this.#failed(proxy, undefined, proxy.cooldown, { reason: error.message, beganAt: chosenAt });
      }
    }
    if (probe) this.#release(lane, proxy, chosenAt);
  }

  dialEnded(proxy: EgressProxy, beganAt: number, targetOrigin: string, failure: DialError | undefined): void {
    if (this.#closed) return;
    if (failure?.concerns === 'proxy') {
      this.#failed(proxy, undefined, proxy.cooldown, { reason: failure.reason, beganAt });
      return;
    }
    this.#worked(proxy, undefined, proxy.cooldown, beganAt);
    if (!failure) return;
    const lane = this.#lanes.at(targetOrigin);
    this.#failed(proxy, lane, this.#lanes.cooldown(lane, proxy), { reason: failure.reason, beganAt });
  }

  status(): EgressProxyStatus[] {
    const now = this.now();
    const { name: api, strategy } = this.#options;
    const lanes = [...this.#lanes.all()];
    const proxies = this.#proxies.map((proxy) => {
      const own = proxy.status(api, now);
      return own.state === 'ok' ? { ...own, ...worst(lanes, (lane) => lane.cooldowns.get(proxy), now) } : own;
    });
    if (strategy !== 'on_rate_limit') return proxies;
    const direct = { api, name: 'direct', address: undefined, state: 'ok' as const, failures: 0 };
    const cooldown = {
      coolsDownUntil: undefined,
      reason: undefined,
      ...worst(lanes, (lane) => lane.direct, now),
    };
    return [{ ...direct, ...cooldown, ...this.#direct }, ...proxies];
  }

  close(): void {
    this.#closed = true;
    this.#waiting.wake();
    for (const proxy of this.#proxies) proxy.close();
  }

  #mayGoDirect(route: Route, lane: Lane, call: EgressCall, now: number): boolean {
    const state = lane.direct.state(now);
    if (state === 'cooling-down' || state === 'probing') return false;
    if (readyAt(call, undefined) > Date.now()) return false;
    route.probe = lane.direct.begin(now);
    return true;
  }

  #search(route: Route, call: EgressCall, tried: ReadonlySet<string>, lane: Lane, now: number): Found {
    const search = { proxies: this.#proxies, start: this.#turn, call, lane, tried, now };
    const { strategy } = this.#options;
    if (strategy === 'least_used') return leastUsed(search);
    return strategy === 'sticky'
      ? firstFrom({ ...search, start: this.#place(route, call) })
      : nextInTurn(search);
  }

  /** Place in the list for the key of a call. */
  #place(route: Route, { req }: EgressCall): number {
    const { stickyKey = clientAddress } = this.#options;
    route.key ??= String(stickyKey(req));
    return hash(route.key) % Math.max(1, this.#proxies.length);
  }

  #take(route: Route, call: EgressCall, proxy: EgressProxy, lane: Lane, now: number): Egress {
    this.#turn = (proxy.index + 1) % this.#proxies.length;
    route.proxy = proxy;
    route.probe = proxy.cooldown.begin(now);
    if (lane.cooldowns.get(proxy)?.begin(now)) route.probe = true;
    return proxy.egress(lane.encrypted || call.tunnel === true);
  }

  /** Waits for the end of the probe, since no other egress proxy is usable: it ends soon, either way. */
  async #afterProbe(route: Route, call: EgressCall, tried: ReadonlySet<string>, lane: Lane): Promise<Way> {
    const giveUpAt = this.now() + this.#options.connectTimeoutMs;
    for (;;) {
      await this.#waiting.until(giveUpAt - this.now());
      const now = this.now();
      route.chosenAt = now;
      if (this.#closed || call.abandoned) return this.#shutDown(route);
      const found = this.#search(route, call, tried, lane, now);
      if (found.proxy) return this.#take(route, call, found.proxy, lane, now);
      if (!found.onProbe || now >= giveUpAt) return this.#nothingLeft(route, lane, tried, found, now);
    }
  }

  #nothingLeft(
    route: Route,
    lane: Lane,
    tried: ReadonlySet<string>,
    found: Found,
    now: number,
  ): ProxyError | typeof DIRECT {
    const { name: api, fallback } = this.#options;
    const untilMs = found.coolsDownUntil - now;
    const retryAfterMs = found.onProbe || !Number.isFinite(untilMs) ? SOON_MS : Math.max(SOON_MS, untilMs);
    const direct = fallback === 'direct';
    if (this.#events.has('exhausted')) {
      this.#events.emit('exhausted', { api, origin: lane.origin, retryAfterMs, direct });
    }
    if (direct) return DIRECT;
    route.lane = undefined;
    const { coolsDownUntil } = found;
    return noProxyError({ api, proxies: this.#proxies, lane, tried, coolsDownUntil, now }, retryAfterMs);
  }

  #shutDown(route: Route): ProxyError {
    route.lane = undefined;
    return shuttingDown();
  }

  #responded(
    lane: Lane,
    proxy: EgressProxy | undefined,
    beganAt: number,
    head: Parameters<typeof requestedDelayMs>[0],
  ): void {
    const { strategy, cooldownOnStatus } = this.#options;
    if (proxy && !proxy.cooldown.spotless) this.#worked(proxy, undefined, proxy.cooldown, beganAt);
    if (!proxy && strategy !== 'on_rate_limit') return;
    if (cooldownOnStatus.has(head.status)) {
      const cooldown = proxy ? this.#lanes.cooldown(lane, proxy) : lane.direct;
      const reason = `status ${head.status} of ${lane.host}`;
      this.#failed(proxy, lane, cooldown, {
        reason,
        beganAt,
        cooldownMs: requestedDelayMs(head, Date.now()),
        atOnce: true,
      });
      return;
    }
    const cooldown = proxy ? lane.cooldowns.get(proxy) : lane.direct;
    if (cooldown && !cooldown.spotless) this.#worked(proxy, lane, cooldown, beganAt);
  }

  #worked(proxy: EgressProxy | undefined, lane: Lane | undefined, cooldown: Cooldown, beganAt: number): void {
    const { reason } = cooldown;
    const recovered = cooldown.succeeded(beganAt, this.now());
    if (cooldown.spotless) {
      cooldown.reason = undefined;
      if (proxy && lane) lane.cooldowns.delete(proxy);
    }
    if (!recovered) return;
    this.#waiting.wake();
    if (reason === undefined || !this.#events.has('recovered')) return;
    this.#events.emit('recovered', { api: this.#options.name, proxy: proxy?.name, origin: lane?.origin });
  }

  #failed(proxy: EgressProxy | undefined, lane: Lane | undefined, cooldown: Cooldown, mishap: Mishap): void {
    const cooldownMs = cooldown.failed(mishap, this.now());
    this.#waiting.wake();
    if (cooldownMs === undefined || !this.#events.has('cooldown')) return;
    const { reason } = mishap;
    this.#events.emit('cooldown', {
      api: this.#options.name,
      proxy: proxy?.name,
      origin: lane?.origin,
      reason,
      cooldownMs,
    });
  }

  /** A probe without a result, for instance because its client has left. */
  #release(lane: Lane, proxy: EgressProxy | undefined, begunAt: number): void {
    const now = this.now();
    if (proxy) {
      proxy.cooldown.release(begunAt, now);
      lane.cooldowns.get(proxy)?.release(begunAt, now);
    } else lane.direct.release(begunAt, now);
    this.#waiting.wake();
  }
}

/** The state of the longest cool-down for a single target, if there is one. */
function worst(lanes: readonly Lane[], cooldownOf: (lane: Lane) => Cooldown | undefined, now: number) {
  const cooldowns = lanes
    .map(cooldownOf)
    .filter((cooldown) => cooldown !== undefined && cooldown.state(now) !== 'ok');
  const [longest] = cooldowns.sort((a, b) => (b?.until ?? 0) - (a?.until ?? 0));
  return longest ? cooldownStatus(longest, now) : {};
}
