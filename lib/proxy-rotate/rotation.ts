import type { Attempt, AttemptOutcome, HeldBody, ResponseHead } from '../core/attempt.js';
import { DIRECT, type Egress, type EgressCall, type EgressTarget } from '../core/egress.js';
import type { EgressProxyStatus, ProxyListStatus } from '../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import type { Events } from '../core/events.js';
import type { Clock } from '../core/steady-clock.js';
import { DialError } from './dial-error.js';
import type { EgressProxy } from './egress-proxy.js';
import { Judge } from './judge.js';
import { type Lane, Lanes } from './lanes.js';
import { LivePool, type PoolOwner } from './live-pool.js';
import { ProxyLoad, wasSent } from './proxy-load.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import type { ResolvedProxyRotate } from './proxy-rotate-options.js';
import { rotationStatus } from './rotation-status.js';
import type { Route, RouteOwner, Way } from './route.js';
import { clientAddress, stickyText } from './sticky-key.js';
import { closestTo, type Found, leastUsed, nextInTurn, readyAt } from './strategies.js';
import { isRefusal, isTargets, targetError } from './suspicion.js';
import { Tally } from './tally.js';
import { Waiting } from './waiting.js';

/** A call that waits for a busy proxy looks this often, even if nothing changes. */
const LOOK_AGAIN_MS = 250;

/** The egress proxies of one `proxyRotate()`: chooses one for each attempt, and learns from its outcome. */
export class Rotation implements RouteOwner, PoolOwner {
  readonly now: Clock;
  readonly wantsBody: RouteOwner['wantsBody'];
  readonly #options: ResolvedProxyRotate;
  readonly #pool: LivePool;
  readonly #lanes: Lanes;
  readonly #waiting = new Waiting();
  readonly #judge: Judge;
  readonly #direct = Object.assign(new ProxyLoad(), { tally: new Tally() });
  #closed = false;
  /** The one that has come in its place. */
  #next: Rotation | undefined;

  /**
   * @param known the rotation that this one comes in the place of, whose list of proxies it begins with
   * @throws InvalidOptionError if its list of proxies cannot be read
   */
  constructor(
    options: ResolvedProxyRotate,
    events: Events<ProxyRotateEvents>,
    clock: Clock,
    known?: Rotation,
  ) {
    this.#options = options;
    this.now = clock;
    this.wantsBody = options.isBan.wantsBody;
    const times = { ...options, probeTimeoutMs: options.connectTimeoutMs * 2 };
    this.#lanes = new Lanes(times, options.noProxy);
    this.#judge = new Judge(options, events, this.#lanes, this.#waiting, clock);
    this.#pool = new LivePool(options, times, events, this, known ? known.#pool : undefined);
    this.#pool.begin();
  }

  choose(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Way | Promise<Way> {
    if (this.#next) return this.#next.choose(route, call, tried, target);
    const lane = this.#lanes.of(target);
    const now = this.now();
    route.lane = lane;
    route.proxy = undefined;
    route.chosenAt = now;
    route.probe = false;
    route.refused = false;
    if (this.#closed) return this.#shutDown(route);
    if (lane.bypass) return DIRECT;
    if (this.#options.strategy === 'on_rate_limit' && this.#mayGoDirect(route, lane, call, now))
      return DIRECT;
    const found = this.#search(route, call, tried, lane, now);
    if (found.proxy) return this.#take(route, call, found.proxy, lane, now);
    // All that are left have failed for this target, and none has reached it since.
    if (!found.onProbe && !found.isBusy && isTargets(lane.suspects)) {
      this.#judge.acquit(lane);
      const again = this.#search(route, call, tried, lane, now);
      if (again.proxy) return this.#take(route, call, again.proxy, lane, now);
    }
    if (found.onProbe || found.isBusy || this.#pool.isAwaited)
      return this.#untilFound(route, call, tried, target, found);
    return this.#judge.nothingLeft(route, lane, tried, found, this.#pool.all, now);
  }

  begins({ proxy }: Route): void {
    (proxy ?? this.#direct).begins(this.now);
  }

  responded(route: Route, head: ResponseHead, body: HeldBody | undefined): void {
    this.#judge.responded(route, head, body);
  }

  ended(route: Route, outcome: AttemptOutcome, { end, sentAt, durationMs }: Attempt): void {
    if (!route.lane) return;
    const used = route.proxy ?? this.#direct;
    used.ends(wasSent(end, sentAt));
    if (outcome.kind === 'response' && !route.refused) used.tally.succeeded(durationMs);
    const brokeOff = outcome.kind === 'response' && end?.kind === 'failure' ? end : undefined;
    this.#judge.ended(route, outcome, brokeOff);
    if (route.proxy?.hasRoomAgain) this.#offer(route.proxy);
    route.lane = undefined;
  }

  carries(proxy: EgressProxy, change: 1 | -1): void {
    proxy.carries(change);
    if (change < 0 && proxy.hasRoomAgain) this.#offer(proxy);
  }

  dialEnded(proxy: EgressProxy, beganAt: number, targetOrigin: string, failure: DialError | undefined): void {
    if (!this.#closed) this.#judge.dialEnded(proxy, beganAt, this.#lanes.at(targetOrigin), failure);
  }

  failed(
    route: Route,
    call: EgressCall,
    error: ProxyError,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Error | undefined {
    const lane = this.#lanes.of(target);
    if (error instanceof DialError && error.concerns === 'target') {
      if (!route.suspicion || !isRefusal(error)) route.suspicion = error;
      if (error.silent) route.silent++;
    }
    const { suspicion } = route;
    const mayGoOn = Math.max(tried.size, ++route.failures) < this.#options.maxProxiesPerCall;
    if (
      mayGoOn &&
      (!suspicion || this.#options.fallback === 'direct' || this.#usable(route, call, tried, lane))
    )
      return undefined;
    const isOneSilent = suspicion?.silent && route.silent < 2 && !isTargets(lane.suspects);
    if (isOneSilent) this.#judge.blameSilent(lane);
    if (isOneSilent && mayGoOn) return undefined;
    route.suspicion = undefined;
    route.silent = 0;
    route.failures = 0;
    if (!suspicion || isOneSilent) return error;
    this.#judge.acquit(lane);
    return isRefusal(suspicion) ? suspicion : targetError(suspicion);
  }

  hasAnother(route: Route, call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget): boolean {
    if (Math.max(tried.size, route.failures) + route.refusals >= this.#options.maxProxiesPerCall)
      return false;
    const lane = this.#lanes.of(target);
    const now = this.now();
    const { proxy } = this.#search(route, call, tried, lane, now);
    return proxy !== undefined && readyAt(call, proxy.name) <= Date.now();
  }

  readyInMs(route: Route, call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget): number {
    const lane = this.#lanes.of(target);
    const { strategy, fallback, maxProxiesPerCall } = this.#options;
    if (Math.max(tried.size, route.failures) + route.refusals >= maxProxiesPerCall)
      return Number.POSITIVE_INFINITY;
    if (lane.bypass || fallback === 'direct') return 0;
    const now = this.now();
    if (strategy === 'on_rate_limit' && lane.direct.state(now) !== 'cooling-down') return 0;
    const found = this.#search(route, call, tried, lane, now);
    if (found.proxy || found.onProbe || found.isBusy || isTargets(lane.suspects)) return 0;
    const directAt = strategy === 'on_rate_limit' ? lane.direct.until : Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(found.coolsDownUntil, directAt) - now);
  }

  status(): EgressProxyStatus[] {
    const { name: api, strategy } = this.#options;
    const direct = strategy === 'on_rate_limit' ? this.#direct : undefined;
    return rotationStatus(api, direct, this.#pool.all, [...this.#lanes.all()], this.now());
  }

  /** Takes the proxy of this name out of use for so long, or all of them. @throws RangeError if none has it */
  forceCooldown(name: string | undefined, forMs: number): void {
    this.#judge.force(this.#pool.all, name, forMs);
  }

  /** Forgets what is known of proxies and targets. */
  reset(): void {
    this.#pool.reset();
    this.#direct.reset();
    this.#direct.tally.reset();
    this.#lanes.reset();
    this.#waiting.wake();
  }

  /** State of the list of proxies; `undefined` where there is none. */
  list(): ProxyListStatus | undefined {
    return this.#pool.listStatus();
  }

  /** Takes over what another rotation knows of the proxies that are in both: an update of the options forgets none of it. */
  resume(known: Rotation): void {
    const own = new Map(this.#pool.all.map((proxy) => [proxy.identity, proxy]));
    for (const before of known.#pool.all) own.get(before.identity)?.resume(before);
    this.#direct.follow(known.#direct);
    this.#direct.tally = known.#direct.tally;
    this.#lanes.resume(known.#lanes, own);
    if (this.#options.strategy === 'never') return;
    // Calls that wait, or try again, find what is there now.
    known.#next = this;
    known.#waiting.wake();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.wake();
    this.#pool.close();
  }

  removed(proxies: readonly EgressProxy[]): void {
    this.#lanes.forget(proxies);
  }

  changed(): void {
    this.#waiting.wake();
  }

  checked(proxy: EgressProxy, beganAt: number, failure: DialError | 'unknown' | undefined): void {
    this.#judge.checked(proxy, beganAt, failure);
  }

  /** The call that has waited longest may have another key. */
  #offer(proxy: EgressProxy): void {
    if (this.#next) return this.#next.#offer(proxy);
    if (proxy.isOfKey) this.#waiting.wake();
    else this.#waiting.next();
  }

  #mayGoDirect(route: Route, lane: Lane, call: EgressCall, now: number): boolean {
    const state = lane.direct.state(now);
    if (state === 'cooling-down' || state === 'probing') return false;
    if (readyAt(call, undefined) > Date.now()) return false;
    route.probe = lane.direct.begin(now);
    return true;
  }

  #usable(route: Route, call: EgressCall, tried: ReadonlySet<string>, lane: Lane): boolean {
    const { proxy, onProbe, isBusy } = this.#search(route, call, tried, lane, this.now());
    return proxy !== undefined || onProbe || isBusy;
  }

  #search(route: Route, call: EgressCall, tried: ReadonlySet<string>, lane: Lane, now: number): Found {
    const search = this.#pool.search(route, call, tried, lane, now);
    const { strategy } = this.#options;
    if (strategy === 'least_used') return leastUsed(search);
    if (strategy !== 'sticky') return nextInTurn(search);
    route.key ??= stickyText((this.#options.stickyKey ?? clientAddress)(call.req));
    return closestTo(route.key, search);
  }

  #take(route: Route, call: EgressCall, proxy: EgressProxy, lane: Lane, now: number): Egress {
    this.#pool.took(proxy);
    const used = proxy.forKey(route.key);
    route.proxy = used;
    route.probe = used.cooldown.begin(now);
    if (lane.cooldowns.get(used)?.begin(now)) route.probe = true;
    return used.use(lane.encrypted || call.tunnel === true);
  }

  /** Waits for the end of a probe, or of an attempt, since no other egress proxy is usable: it ends soon. */
  async #untilFound(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
    last: Found,
  ): Promise<Way> {
    const lane = this.#lanes.of(target);
    const giveUpAt = this.now() + this.#options.connectTimeoutMs;
    for (let found = last; ; ) {
      const leftMs = giveUpAt - this.now();
      // A call that was woken may have had no use for what had become free.
      await this.#waiting.until(found.isBusy ? Math.min(LOOK_AGAIN_MS, leftMs) : leftMs);
      if (this.#next && !call.abandoned) return this.#next.choose(route, call, tried, target);
      const now = this.now();
      route.chosenAt = now;
      if (this.#closed || call.abandoned) {
        this.#waiting.next();
        return this.#shutDown(route);
      }
      found = this.#search(route, call, tried, lane, now);
      if (found.proxy) return this.#take(route, call, found.proxy, lane, now);
      const mayFollow = found.onProbe || found.isBusy || this.#pool.isAwaited;
      if (!mayFollow || now >= giveUpAt)
        return this.#judge.nothingLeft(route, lane, tried, found, this.#pool.all, now);
    }
  }

  #shutDown(route: Route): ProxyError {
    route.lane = undefined;
    return shuttingDown();
  }
}
