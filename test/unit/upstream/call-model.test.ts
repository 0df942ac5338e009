import { expect } from 'chai';
import fc from 'fast-check';
import type { Attempt } from '../../../lib/core/attempt.js';
import { DIRECT, type EgressPolicy } from '../../../lib/core/egress.js';
import type { Exchange, Limit, Permit } from '../../../lib/core/exchange.js';
import { onCleanup } from '../../support/cleanup.js';
import { type FakeTimers, fakeTimers } from '../../support/fake-timers.js';
import {
  type Answer,
  type Choice,
  type Deed,
  type Scenario,
  type Step,
  scenario,
  type Told,
} from './call-scenario.js';
import { head, later, proxyError, retrying, Scene, type Sent, socketError, told, way } from './call-scene.js';

/** One call, all that could happen to it, and what must hold whatever does. */
class Run {
  readonly #scene: Scene;
  readonly #timers: FakeTimers;
  /** Permits that were given and have not heard the end yet, by what they are for. */
  readonly #open = new Map<Permit, Attempt>();
  readonly #problems: string[] = [];
  readonly #pending: ((rejects: boolean) => void)[] = [];
  readonly #proxies: unknown[] = [];
  /** Sent ones whose transport still works at them. */
  readonly #busy = new Set<Sent>();
  #left = false;

  readonly #given: Scenario;

  constructor(given: Scenario, timers: FakeTimers) {
    this.#given = given;
    this.#timers = timers;
    const { method, body, limits, choices, retries, timeoutMs, sync, cancelTells } = given;
    this.#scene = new Scene({
      method,
      body,
      limits: limits.map((answers) => this.#limit(answers)),
      egress: choices && this.#policy(choices),
      retry: retries === undefined ? undefined : retrying(retries),
      requestTimeoutMs: timeoutMs,
      sending: (sent) => {
        this.#check(this.#scene.settled.length === 0, 'was sent behind the end');
        this.#check(!this.#left, 'was sent for a client that had left');
        this.#check(this.#busy.size === 0, 'was sent beside another');
        this.#check(sent.plan.direct || this.#proxies.includes(sent.plan.egress), 'was sent another way');
        this.#busy.add(sent);
        for (const name of sync[this.#scene.sent.length - 1] ?? []) this.#tell(sent, name);
      },
      stopped: (sent) => this.#busy.delete(sent),
      cancelled: (sent) => {
        this.#busy.delete(sent);
        if (cancelTells) this.#tell(sent, cancelTells);
      },
    });
  }

  async run(): Promise<readonly string[]> {
    const scene = this.#scene.start();
    for (const step of this.#given.steps) {
      this.#do(step);
      // Between two steps that come from sockets or timers all promises are told.
      if (step.does !== 'tell') await told();
    }
    this.#leave();
    while (this.#pending.length > 0) this.#pending.shift()?.(false);
    await told();
    while (this.#timers.runNext()) await told();
    this.#judgeEnd(scene);
    return this.#problems;
  }

  #judgeEnd(scene: Scene): void {
    const { settled, exchange, wheel, waiting, bodyCloses, sent } = scene;
    this.#check(settled.length === 1, `has ended ${settled.length} times`);
    this.#check(this.#open.size === 0, `${this.#open.size} permits have heard no end`);
    this.#check(wheel.watched.size === 0, 'a deadline is left');
    this.#check(waiting.size === 0, 'it still waits');
    this.#check(bodyCloses === (this.#given.body ? 1 : 0), `its body was closed ${bodyCloses} times`);
    this.#check(this.#busy.size === 0, `${this.#busy.size} transports still work`);
    this.#check(exchange.error === settled[0], 'the record says another error');
    for (const attempt of exchange.attempts) this.#judge(attempt);
    for (const { cancels } of sent) this.#check(cancels <= 1, `was cancelled ${cancels} times`);
    const kinds = exchange.attempts.map(({ end }) => end?.kind ?? '');
    const begun = kinds.filter((kind) => !['unused', 'failure'].includes(kind));
    this.#check(begun.length <= sent.length, 'an attempt was used that was not sent');
    for (const [i, { number }] of exchange.attempts.entries())
      this.#check(number === i + 1, 'numbers are wrong');
  }

  /** Head and end say one thing. */
  #judge({ outcome, end, startedAt, waitedMs, durationMs }: Attempt): void {
    const pair = `${outcome?.kind} and ${end?.kind}`;
    const fits: Record<string, readonly string[]> = {
      complete: ['response'],
      discarded: ['response'],
      cancelled: ['response', 'abandoned'],
      unused: ['abandoned'],
      failure: ['response', 'failure'],
    };
    this.#check(end !== undefined && (fits[end.kind]?.includes(outcome?.kind ?? '') ?? false), pair);
    if (outcome?.kind === 'failure') this.#check(outcome === end, 'failed in two ways');
    this.#check(startedAt > 0 && waitedMs >= 0 && durationMs >= 0, 'times are wrong');
  }

  #check(holds: boolean, problem: string): void {
    if (!holds) this.#problems.push(problem);
  }

  #limit(answers: readonly Answer[]): Limit {
    let asked = 0;
    return {
      admit: (attempt, exchange) => {
        const { says, late, admit, ...hooks } = answers[asked++ % answers.length] ?? {};
        this.#check(this.#scene.settled.length === 0, 'a limit was asked behind the end');
        for (const other of this.#open.values()) this.#check(other === attempt, 'began before an end');
        this.#act(admit, exchange);
        const make = (): Permit | undefined | ReturnType<typeof proxyError> => {
          if (says === 'throw') throw new Error('A faulty limit');
          if (says === 'refusal') return proxyError('ERR_RATE_LIMITED');
          return says === 'permit' ? this.#permit(attempt, hooks) : undefined;
        };
        return late ? this.#late(make) : make();
      },
    };
  }

  #permit(attempt: Attempt, hooks: { sending?: Deed; head?: Deed; end?: Deed }): Permit {
    const heard: string[] = [];
    const hear = (what: 'sending' | 'head' | 'end', of: Attempt, exchange: Exchange): void => {
      this.#check(of === attempt, `hears "${what}" of another attempt`);
      this.#check(!heard.includes(what), `hears "${what}" twice`);
      this.#check(!heard.includes('end'), `hears "${what}" behind the end`);
      heard.push(what);
      if (what === 'end') {
        this.#open.delete(permit);
        this.#check(of.end !== undefined && of.outcome !== undefined, 'hears an end that says nothing');
      } else this.#check(of.end === undefined, `hears "${what}" of one that has ended`);
      if (what === 'head') this.#check(of.outcome?.kind === 'response', 'hears a head that is none');
      this.#act(hooks[what], exchange);
    };
    const permit: Permit = {
      sending: (of, exchange) => hear('sending', of, exchange) as undefined,
      head: (of, exchange) => hear('head', of, exchange),
      end: (of, exchange) => hear('end', of, exchange),
    };
    this.#open.set(permit, attempt);
    return permit;
  }

  #policy(choices: readonly Choice[]): EgressPolicy {
    let asked = 0;
    return {
      choose: (_call, tried) => {
        const { says, late, does } = choices[asked] ?? { says: 'refusal', late: false, does: 'nothing' };
        const name = `proxy ${asked++}`;
        this.#check(!tried.has(name), 'was tried before it was chosen');
        this.#check(this.#scene.settled.length === 0, 'a way was chosen behind the end');
        this.#check(this.#open.size === 0, 'a way was chosen before an end');
        this.#act(does, this.#scene.exchange);
        const make = () => {
          if (says === 'throw') throw new Error('A faulty policy');
          if (says === 'refusal') return proxyError('ERR_NO_PROXY');
          if (says === 'direct') {
            this.#proxies.push(undefined);
            return DIRECT;
          }
          const proxy = way(name, { absoluteForm: { origin: 'http://proxy', rawHeaders: [] } });
          this.#proxies.push(proxy);
          return proxy;
        };
        return late ? this.#late(make) : make();
      },
    };
  }

  /** What is made when a step says so. */
  #late<T>(make: () => T): Promise<T> {
    const { promise, resolve, reject } = later<T>();
    this.#pending.push((rejects) => {
      if (rejects) return reject(new Error('It came to nothing'));
      try {
        resolve(make());
      } catch (error) {
        reject(error as Error);
      }
    });
    return promise;
  }

  #act(deed: Deed | undefined, { res }: Exchange): void {
    if (deed === 'leave') this.#leave();
    if (deed === 'fail') this.#scene.call.fail(proxyError('ERR_SHUTTING_DOWN'));
    if (deed === 'throw' && !res.closed) throw new Error('A faulty listener');
  }

  #leave(): void {
    this.#left = true;
    this.#scene.leave();
  }

  #do(step: Step): void {
    switch (step.does) {
      case 'tell': {
        const sent = this.#scene.sent.at(-1 - step.back);
        if (sent) this.#tell(sent, step.event);
        break;
      }
      case 'resolve':
        this.#pending.shift()?.(step.rejects);
        break;
      case 'timer':
        this.#timers.runNext();
        break;
      case 'expire':
        this.#scene.wheel.expireAll();
        break;
      case 'leave':
        this.#leave();
        break;
      case 'fail':
        this.#scene.call.fail(proxyError('ERR_SHUTTING_DOWN'));
        break;
      case 'send':
        if (!this.#scene.exchange.res.headersSent) this.#scene.sendHead();
        break;
      default:
    }
  }

  /** What a transport tells, whether it may or not. */
  #tell(sent: Sent, name: Told): void {
    const { listener } = sent;
    switch (name) {
      case 'connected':
        listener.connecting();
        return listener.connected();
      case 'finished':
      case 'reset':
      case 'stale':
      case 'refused':
      case 'no proxy':
        this.#busy.delete(sent);
        if (name === 'finished') return listener.finished();
        if (name === 'refused') return listener.failed(socketError('ECONNREFUSED'));
        if (name === 'no proxy') return listener.failed(proxyError('ERR_PROXY_CONNECT'));
        return listener.failed(socketError('ECONNRESET'), name === 'stale');
      default: {
        const received = name === 'head of no use' ? head(200, 'bad name', '') : head(Number(name.slice(5)));
        // One that is not wanted is got rid of, as long as this is the attempt that the call is at.
        this.#busy.delete(sent);
        if (listener.head(received)) this.#busy.add(sent);
      }
    }
  }
}

/** Permits that fail at the end are warned of, each time. */
function silenceWarnings(): void {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  onCleanup(() => {
    process.emitWarning = emitWarning;
  });
}

describe('Call, whatever happens to it', () => {
  it('ends once, gives back what it holds, and leaves nothing behind', async () => {
    const timers = fakeTimers(/\/lib\/(upstream|retry|core)\//);
    silenceWarnings();
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        expect((await new Run(given, timers).run()).join(', ')).to.equal('');
      }),
      { numRuns: 1000 },
    );
  });
});
