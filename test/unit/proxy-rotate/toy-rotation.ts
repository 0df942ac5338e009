import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Attempt, AttemptFailure, AttemptOutcome } from '../../../lib/core/attempt.js';
import type { EgressCall } from '../../../lib/core/egress.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { Events } from '../../../lib/core/events.js';
import type { ProxyRotateEvents } from '../../../lib/proxy-rotate/proxy-rotate-events.js';
import {
  type ProxyRotateOptions,
  resolveProxyRotate,
} from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { Rotation } from '../../../lib/proxy-rotate/rotation.js';
import { Route, type Way } from '../../../lib/proxy-rotate/route.js';

export const NOW = 1_700_000_000_000;
export const TARGET = { origin: 'https://api.test' };
const NONE: ReadonlySet<string> = new Set();

/** A call that may be given up. */
export interface ToyCall extends EgressCall {
  abandoned: boolean;
}

export function toyCall(more: Partial<ToyCall> = {}): ToyCall {
  return { req: new IncomingMessage(new Socket()), limits: [], abandoned: false, ...more };
}

/** One attempt, as far as its route hears of it. */
export interface ToyAttempt {
  /** Name of its proxy, `direct`, or the code of the error that refuses it. */
  readonly way: string;
  readonly chosen: Way;
  readonly route: Route;
  /** A response, passed on in full. */
  respond(status: number, ...rawHeaders: string[]): void;
  /** A response that breaks off. */
  breakOff(how: AttemptFailure): void;
  end(outcome: AttemptOutcome): void;
}

export const response = (status: number, ...rawHeaders: string[]): AttemptOutcome => ({
  kind: 'response',
  head: { status, statusText: '', rawHeaders },
});
export const ABANDONED: AttemptOutcome = { kind: 'abandoned' };

export function failure(by: AttemptFailure['by'], error = new ProxyError('ERR_PROXY_CONNECT', 'status 407')) {
  return {
    kind: 'failure' as const,
    error,
    by,
    retryClass: undefined,
    unsent: false,
    staleConnection: false,
  };
}

/** A rotation without sockets, by a clock that stands still. */
export class ToyRotation {
  now = NOW;
  readonly rotation: Rotation;
  /** What it has told, one line for each. */
  readonly told: string[] = [];

  /** @param proxies how many there are: `p0`, `p1` ... */
  constructor(proxies: number, options: ProxyRotateOptions = {}, listens = true) {
    const events = new Events<ProxyRotateEvents>();
    if (listens) this.#listen(events);
    const list = Array.from({ length: proxies }, (_, i) => ({ url: `http://h:${i + 1}`, name: `p${i}` }));
    const resolved = resolveProxyRotate({ name: 'api', proxies: list, ...options });
    this.rotation = new Rotation(resolved, events, () => this.now);
  }

  #listen(events: Events<ProxyRotateEvents>): void {
    const line = (...parts: unknown[]) => void this.told.push(parts.join(' '));
    events.on('cooldown', ({ api, proxy, origin, reason, cooldownMs }) =>
      line('cooldown', api, proxy, origin, `(${reason})`, cooldownMs),
    );
    events.on('recovered', ({ api, proxy, origin }) => line('recovered', api, proxy, origin));
    events.on('exhausted', ({ api, origin, retryAfterMs, direct }) =>
      line('exhausted', api, origin, retryAfterMs, direct),
    );
  }

  /** Chooses a way for an attempt that begins at once. */
  attempt(
    call: ToyCall = toyCall(),
    tried = NONE,
    target = TARGET,
    route = new Route(this.rotation),
  ): ToyAttempt {
    const chosen = route.choose(call, tried, target);
    if (chosen instanceof Promise) throw new Error('It has to wait');
    return begun(route, chosen);
  }

  /** The same for one that may have to wait. */
  async later(call: ToyCall = toyCall(), tried = NONE): Promise<ToyAttempt> {
    const route = new Route(this.rotation);
    return begun(route, await route.choose(call, tried, TARGET));
  }

  /** All proxies have worked once. */
  proven(proxies: number): this {
    for (let i = 0; i < proxies; i++) {
      const used = this.attempt();
      // What it opens tells by itself.
      this.rotation.dialEnded(proxyOf(used), this.now, TARGET.origin, undefined);
      used.respond(200);
    }
    this.told.length = 0;
    return this;
  }

  status() {
    return this.rotation.status();
  }
}

/** The proxy of an attempt, for what its connections tell. */
export function proxyOf({ route }: ToyAttempt) {
  const { proxy } = route;
  if (!proxy) throw new Error('It goes directly');
  return proxy;
}

function begun(route: Route, chosen: Way): ToyAttempt {
  const permit = route.admit();
  const attempt: Attempt = {
    ...{ number: 1, startedAt: 0, durationMs: 0, waitedMs: 0 },
    ...{ egress: undefined, outcome: undefined, end: undefined },
  };
  const end = (outcome: AttemptOutcome, brokeOff?: AttemptFailure): void => {
    attempt.outcome = outcome;
    attempt.end = brokeOff ?? (outcome.kind === 'failure' ? outcome : { kind: 'complete' });
    permit?.end?.(attempt, undefined as never);
  };
  const head = (outcome: AttemptOutcome): AttemptOutcome => {
    attempt.outcome = outcome;
    permit?.head?.(attempt, undefined as never);
    return outcome;
  };
  const way = chosen instanceof ProxyError ? chosen.code : chosen === 'direct' ? chosen : chosen.name;
  return {
    way,
    chosen,
    route,
    end,
    respond: (status, ...rawHeaders) => end(head(response(status, ...rawHeaders))),
    breakOff: (how) => end(head(response(200)), how),
  };
}
