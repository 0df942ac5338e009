import type { EventEmitter } from 'node:events';
import type { Egress, EgressCall, EgressTarget } from '../core/egress.js';
import type { ExitStatus } from '../core/egress-status.js';
import { ProxyError } from '../core/errors.js';
import type { AttemptOutcome } from '../core/exchange.js';
import type { Clock } from '../core/steady-clock.js';
import { askedDelayMs } from '../http/retry-after.js';
import type { Mishap, Rest } from './cooldown.js';
import { DialError } from './dial-error.js';
import { Exit, type ExitOwner, restStatus } from './egress-proxy.js';
import { type Lane, Lanes } from './lanes.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';
import type { ResolvedProxyRotate } from './proxy-rotate-options.js';
import type { Route, RouteOwner } from './route.js';
import { type Found, firstFrom, hash, leastUsed, nextInTurn, readyAt } from './strategies.js';
import { Waiting } from './waiting.js';

const clientAddress = (req: EgressCall['req']): string => req.socket?.remoteAddress ?? '';

/** What is told where nobody knows when an exit will be free. */
const SOON_MS = 1000;

/** The exits of one `proxyRotate()`: which one an attempt takes, and what is learnt from how it went. */
export class Rotation implements RouteOwner, ExitOwner {
  readonly now: Clock;
  readonly #options: ResolvedProxyRotate;
  readonly #events: EventEmitter<ProxyRotateEvents>;
  readonly #exits: readonly Exit[];
  readonly #lanes: Lanes;
  readonly #waiting = new Waiting();
  readonly #direct = { attempts: 0, active: 0 };
  #turn = 0;
  #closed = false;

  constructor(options: ResolvedProxyRotate, events: EventEmitter<ProxyRotateEvents>, clock: Clock) {
    this.#options = options;
    this.#events = events;
    this.now = clock;
    const times = { ...options, trialTimeoutMs: options.connectTimeoutMs * 2 };
    this.#exits = options.proxies.map((proxy, index) => new Exit(proxy, index, options, times, this));
    this.#lanes = new Lanes(times, options.noProxy);
  }

  choose(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Egress | undefined | ProxyError | Promise<Egress | undefined | ProxyError> {
    const lane = this.#lanes.of(target);
    const now = this.now();
    route.lane = lane;
    route.exit = undefined;
    route.chosenAt = now;
    route.trial = false;
    if (this.#closed) return this.#shutDown(route);
    if (lane.bypass) return undefined;
    if (this.#options.strategy === 'on_rate_limit' && this.#mayGoDirect(route, lane, call, now))
      return undefined;
    const found = this.#search(route, call, tried, lane, now);
    if (found.exit) return this.#take(route, call, found.exit, lane, now);
    if (found.onTrial) return this.#afterTrial(route, call, tried, lane);
    return this.#nothingLeft(route, lane, found, now);
  }

  begins({ exit }: Route): void {
    const way = exit ?? this.#direct;
    way.attempts++;
    way.active++;
  }

  ended(route: Route, outcome: AttemptOutcome): void {
    const { lane, exit, chosenAt, trial } = route;
    if (!lane) return;
    const way = exit ?? this.#direct;
    way.active--;
    route.lane = undefined;
    if (outcome.kind === 'answer') this.#answered(lane, exit, chosenAt, outcome.head);
    // A dial has told on its own account what went wrong, and when it began.
    if (outcome.kind === 'failure' && exit && outcome.error.code === 'ERR_PROXY_CONNECT') {
      const { error } = outcome;
      if (!(error instanceof DialError)) {
        this.#failed(exit, undefined, exit.rest, { reason: error.message, beganAt: chosenAt });
      }
    }
    if (trial) this.#release(lane, exit, chosenAt);
  }

  dialEnded(exit: Exit, beganAt: number, targetOrigin: string, failure: DialError | undefined): void {
    if (failure?.concerns === 'exit') {
      this.#failed(exit, undefined, exit.rest, { reason: failure.reason, beganAt });
      return;
    }
    this.#worked(exit, undefined, exit.rest, beganAt);
    if (!failure) return;
    const lane = this.#lanes.at(targetOrigin);
    this.#failed(exit, lane, this.#lanes.rest(lane, exit), { reason: failure.reason, beganAt });
  }

  status(): ExitStatus[] {
    const now = this.now();
    const { name: api, strategy } = this.#options;
    const lanes = [...this.#lanes.all()];
    const exits = this.#exits.map((exit) => {
      const own = exit.status(api, now);
      return own.state === 'ok' ? { ...own, ...worst(lanes, (lane) => lane.rests.get(exit), now) } : own;
    });
    if (strategy !== 'on_rate_limit') return exits;
    const direct = { api, name: 'direct', proxy: undefined, state: 'ok' as const, failures: 0 };
    const rest = { restsUntil: undefined, reason: undefined, ...worst(lanes, (lane) => lane.direct, now) };
    return [{ ...direct, ...rest, ...this.#direct }, ...exits];
  }

  close(): void {
    this.#closed = true;
    this.#waiting.wake();
    for (const exit of this.#exits) exit.close();
  }

  #mayGoDirect(route: Route, lane: Lane, call: EgressCall, now: number): boolean {
    const state = lane.direct.state(now);
    if (state === 'resting' || state === 'trial') return false;
    if (readyAt(call, undefined) > Date.now()) return false;
    route.trial = lane.direct.begin(now);
    return true;
  }

  #search(route: Route, call: EgressCall, tried: ReadonlySet<string>, lane: Lane, now: number): Found {
    const search = { exits: this.#exits, start: this.#turn, call, lane, tried, now };
    const { strategy } = this.#options;
    if (strategy === 'least_used') return leastUsed(search);
    return strategy === 'sticky'
      ? firstFrom({ ...search, start: this.#place(route, call) })
      : nextInTurn(search);
  }

  /** Where the key of a call points to in the list. */
  #place(route: Route, { req }: EgressCall): number {
    const { stickyKey = clientAddress } = this.#options;
    route.key ??= String(stickyKey(req));
    return hash(route.key) % Math.max(1, this.#exits.length);
  }

  #take(route: Route, call: EgressCall, exit: Exit, lane: Lane, now: number): Egress {
    this.#turn = (exit.index + 1) % this.#exits.length;
    route.exit = exit;
    route.trial = exit.rest.begin(now);
    if (lane.rests.get(exit)?.begin(now)) route.trial = true;
    return exit.egress(lane.encrypted || call.tunnel === true);
  }

  /** Waits for the end of the trial, for no other exit can be used: it comes soon, one way or the other. */
  async #afterTrial(
    route: Route,
    call: EgressCall,
    tried: ReadonlySet<string>,
    lane: Lane,
  ): Promise<Egress | undefined | ProxyError> {
    const giveUpAt = this.now() + this.#options.connectTimeoutMs;
    for (;;) {
      await this.#waiting.until(giveUpAt - this.now());
      const now = this.now();
      route.chosenAt = now;
      const found = this.#search(route, call, tried, lane, now);
      if (this.#closed) return this.#shutDown(route);
      if (found.exit) return this.#take(route, call, found.exit, lane, now);
      if (!found.onTrial || now >= giveUpAt) return this.#nothingLeft(route, lane, found, now);
    }
  }

  #nothingLeft(route: Route, lane: Lane, found: Found, now: number): ProxyError | undefined {
    const { name: api, fallback, proxies } = this.#options;
    const untilMs = found.restsUntil - now;
    const retryAfterMs = found.onTrial || !Number.isFinite(untilMs) ? SOON_MS : Math.max(SOON_MS, untilMs);
    const direct = fallback === 'direct';
    if (this.#events.listenerCount('exhausted') > 0) {
      this.#events.emit('exhausted', { api, target: lane.origin, retryAfterMs, direct });
    }
    if (direct) return undefined;
    route.lane = undefined;
    const message =
      proxies.length === 0 ? 'No egress proxy is configured' : 'No egress proxy can be used now';
    return new ProxyError('ERR_NO_PROXY', message, { retryAfterMs });
  }

  #shutDown(route: Route): ProxyError {
    route.lane = undefined;
    return new ProxyError('ERR_SHUTTING_DOWN', 'The proxy is shutting down');
  }

  #answered(
    lane: Lane,
    exit: Exit | undefined,
    beganAt: number,
    head: Parameters<typeof askedDelayMs>[0],
  ): void {
    const { strategy, restOnStatus } = this.#options;
    if (exit && !exit.rest.spotless) this.#worked(exit, undefined, exit.rest, beganAt);
    if (!exit && strategy !== 'on_rate_limit') return;
    if (restOnStatus.has(head.status)) {
      const rest = exit ? this.#lanes.rest(lane, exit) : lane.direct;
      const reason = `status ${head.status} of ${lane.host}`;
      this.#failed(exit, lane, rest, {
        reason,
        beganAt,
        restMs: askedDelayMs(head, Date.now()),
        atOnce: true,
      });
      return;
    }
    const rest = exit ? lane.rests.get(exit) : lane.direct;
    if (rest && !rest.spotless) this.#worked(exit, lane, rest, beganAt);
  }

  #worked(exit: Exit | undefined, lane: Lane | undefined, rest: Rest, beganAt: number): void {
    const { reason } = rest;
    const back = rest.succeeded(beganAt, this.now());
    if (rest.spotless) {
      rest.reason = undefined;
      if (exit && lane) lane.rests.delete(exit);
    }
    if (!back) return;
    this.#waiting.wake();
    if (reason === undefined || this.#events.listenerCount('back') === 0) return;
    this.#events.emit('back', { api: this.#options.name, exit: exit?.name, target: lane?.origin });
  }

  #failed(exit: Exit | undefined, lane: Lane | undefined, rest: Rest, mishap: Mishap): void {
    const restMs = rest.failed(mishap, this.now());
    this.#waiting.wake();
    if (restMs === undefined || this.#events.listenerCount('rest') === 0) return;
    const { reason } = mishap;
    this.#events.emit('rest', {
      api: this.#options.name,
      exit: exit?.name,
      target: lane?.origin,
      reason,
      restMs,
    });
  }

  /** A trial that has told nothing, as one whose client has gone. */
  #release(lane: Lane, exit: Exit | undefined, begunAt: number): void {
    const now = this.now();
    if (exit) {
      exit.rest.release(begunAt, now);
      lane.rests.get(exit)?.release(begunAt, now);
    } else lane.direct.release(begunAt, now);
    this.#waiting.wake();
  }
}

/** The rest for a target that matters most: one that is under way, the longest of them. */
function worst(lanes: readonly Lane[], restOf: (lane: Lane) => Rest | undefined, now: number) {
  const rests = lanes.map(restOf).filter((rest) => rest !== undefined && rest.state(now) !== 'ok');
  const [longest] = rests.sort((a, b) => (b?.until ?? 0) - (a?.until ?? 0));
  return longest ? restStatus(longest, now) : {};
}
