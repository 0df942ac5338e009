import { once } from 'node:events';
import { expect } from 'chai';
import type { BreakerEvents } from '../../../lib/breaker/breaker-events.js';
import { type BreakerOptions, resolveBreaker } from '../../../lib/breaker/breaker-options.js';
import { Circuit } from '../../../lib/breaker/circuit.js';
import { Events } from '../../../lib/core/events.js';
import {
  ABANDONED,
  begin,
  EPOCH,
  failure,
  response,
  run,
  type ToyClock,
  times,
  toyClock,
  toyExchange,
} from './toy-call.js';

const OK = response(200);
const DOWN = response(503);

interface Toy {
  circuit: Circuit;
  clock: ToyClock;
  events: Events<BreakerEvents>;
}

function toy(options: BreakerOptions = {}, key = 'github'): Toy {
  const clock = toyClock();
  const events = new Events<BreakerEvents>();
  const { config } = resolveBreaker(options);
  return { circuit: new Circuit({ api: 'github', circuit: key }, config, events, clock), clock, events };
}

function halfOpen(options: BreakerOptions = {}): Toy {
  const made = toy({ failureThreshold: 1, ...options });
  run(made.circuit, DOWN);
  made.clock.advance(30_000);
  return made;
}

describe('Circuit, closed', () => {
  it('opens after five failures in a row', () => {
    const { circuit } = toy();
    run(circuit, ...times(4, DOWN));
    expect(circuit.state).to.equal('CLOSED');
    run(circuit, failure('ERR_UPSTREAM_CONNECT'));
    expect(circuit.state).to.equal('OPEN');
  });

  it('opens after failureThreshold failures in a row', () => {
    const { circuit } = toy({ failureThreshold: 2 });
    run(circuit, DOWN, OK, DOWN);
    expect(circuit.state).to.equal('CLOSED');
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
  });

  it('keeps its count after outcomes that say nothing about the target', () => {
    const { circuit } = toy({ failureThreshold: 2 });
    run(circuit, DOWN, ABANDONED, failure('ERR_PROXY_CONNECT'), failure('ERR_UPSTREAM_RESET', true));
    expect(circuit.state).to.equal('CLOSED');
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
  });

  it('counts 429 only with countRateLimited', () => {
    const plain = toy({ failureThreshold: 1 });
    run(plain.circuit, response(429));
    expect(plain.circuit.state).to.equal('CLOSED');
    const counting = toy({ failureThreshold: 1, countRateLimited: true });
    run(counting.circuit, response(429));
    expect(counting.circuit.state).to.equal('OPEN');
  });

  it('opens when half of at least 20 attempts within 10 s have failed', () => {
    const { circuit } = toy();
    run(circuit, ...times(9, [OK, DOWN]).flat(), OK);
    expect(circuit.state).to.equal('CLOSED');
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
  });

  it('honours failureRatio and minimumRequests', () => {
    const { circuit } = toy({ failureRatio: 0.2, minimumRequests: 10 });
    run(circuit, ...times(8, OK), DOWN);
    expect(circuit.state).to.equal('CLOSED');
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
  });

  it('forgets failures that are older than windowMs', () => {
    const { circuit, clock } = toy({ windowMs: 1000 });
    for (const outcome of times(30, [OK, DOWN]).flat()) {
      run(circuit, outcome);
      clock.advance(60);
    }
    expect(circuit.state).to.equal('CLOSED');
  });

  it('does not look at the ratio with failureRatio: false', () => {
    const { circuit } = toy({ failureRatio: false });
    run(circuit, ...times(100, [OK, DOWN, DOWN, DOWN, DOWN]).flat());
    expect(circuit.state).to.equal('CLOSED');
  });

  it('opens for a target that breaks off every response', () => {
    const { circuit } = toy();
    for (let i = 1; i <= 5; i++) {
      expect(circuit.state).to.equal('CLOSED');
      const attempt = begin(circuit);
      attempt.end(OK);
      attempt.cut('ERR_UPSTREAM_RESET');
    }
    expect(circuit.state).to.equal('OPEN');
    expect(circuit.snapshot()).to.include({ failures: 5, windowTotal: 5, failureRatio: 1 });
  });

  it('does not count a response that this side broke off', () => {
    const { circuit } = toy({ failureThreshold: 1 });
    const attempt = begin(circuit);
    attempt.end(OK);
    attempt.cut('ERR_SHUTTING_DOWN');
    expect(circuit.state).to.equal('CLOSED');
  });

  it('does not count the failure of an attempt that began before the circuit closed', () => {
    const { circuit, clock } = toy({ failureThreshold: 1, successThreshold: 1 });
    const [hanging, streaming] = [begin(circuit), begin(circuit)];
    streaming.end(OK);
    run(circuit, DOWN);
    clock.advance(30_000);
    run(circuit, OK);
    hanging.end(failure('ERR_UPSTREAM_TIMEOUT'));
    streaming.cut('ERR_UPSTREAM_TIMEOUT');
    expect(circuit.state).to.equal('CLOSED');
  });
});

describe('Circuit, open', () => {
  it('refuses with the time until probes, in whole seconds and at least 1', () => {
    const { circuit, clock } = toy({ failureThreshold: 1 });
    run(circuit, DOWN);
    const { refused } = begin(circuit);
    expect(refused?.code).to.equal('ERR_CIRCUIT_OPEN');
    expect(refused?.status).to.equal(503);
    expect(refused?.message).to.equal(
      'Service temporarily unavailable: circuit "github" is open after 1 failure (last: status 503). Please try again in 30 seconds',
    );
    expect(refused?.headers).to.include({ 'Retry-After': '30' });
    clock.advance(29_999);
    expect(begin(circuit).refused?.message).to.match(/in 1 seconds$/);
  });

  it('names the API, how many failures opened it, and the last one', () => {
    const { circuit } = toy();
    run(circuit, ...times(4, DOWN), failure('ERR_UPSTREAM_CONNECT'));
    expect(begin(circuit).refused?.message).to.equal(
      'Service temporarily unavailable: circuit "github" is open after 5 failures (last: ERR_UPSTREAM_CONNECT happened). Please try again in 30 seconds',
    );
  });

  it('says what share of the attempts failed if the ratio opened it, and after a failed probe too', () => {
    const { circuit, clock } = toy({ minimumRequests: 4 });
    run(circuit, OK, DOWN, OK, DOWN);
    const share = /circuit "github" is open after 2 of 4 attempts failed \(last: status 503\)\. /;
    expect(begin(circuit).refused?.message).to.match(share);
    clock.advance(30_000);
    run(circuit, response(500));
    const again = /circuit "github" is open after 2 of 4 attempts failed \(last: status 500\)\. /;
    expect(begin(circuit).refused?.message).to.match(again);
  });

  it('never shows the key of a circuit', () => {
    const { circuit, clock } = toy({ failureThreshold: 1, maxProbes: 1 }, 'github:tenant-7');
    run(circuit, DOWN);
    const messages = [begin(circuit).refused?.message];
    clock.advance(30_000);
    begin(circuit);
    messages.push(begin(circuit).refused?.message);
    circuit.forceOpen();
    messages.push(begin(circuit).refused?.message);
    for (const message of messages) {
      expect(message).to.include('circuit "github" ').and.not.include('tenant-7');
    }
  });

  it('blocks another attempt until resetTimeoutMs has passed', () => {
    const { circuit, clock } = toy({ failureThreshold: 1, resetTimeoutMs: 500 });
    const exchange = toyExchange();
    expect(circuit.blocks(exchange)).to.equal(false);
    run(circuit, DOWN);
    clock.advance(499);
    expect(circuit.blocks(exchange)).to.equal(true);
    expect(begin(circuit).refused).to.not.equal(undefined);
    clock.advance(1);
    expect(circuit.blocks(exchange)).to.equal(false);
    expect(circuit.state).to.equal('OPEN');
    expect(begin(circuit).refused).to.equal(undefined);
    expect(circuit.state).to.equal('HALF_OPEN');
  });

  it('learns nothing from attempts that were under way when it opened', () => {
    const { circuit } = toy({ failureThreshold: 1 });
    const [late, later] = [begin(circuit), begin(circuit)];
    run(circuit, DOWN);
    late.end(OK);
    later.end(DOWN);
    expect(circuit.state).to.equal('OPEN');
    expect(circuit.snapshot().failures).to.equal(1);
  });
});

describe('Circuit, half open', () => {
  it('lets two of 50 attempts through and closes when both succeed', () => {
    const { circuit } = halfOpen();
    const attempts = Array.from({ length: 50 }, () => begin(circuit));
    const probes = attempts.filter(({ refused }) => !refused);
    expect(probes).to.have.length(2);
    expect(attempts[10]?.refused?.message).to.equal(
      'Service temporarily unavailable: circuit "github" is half open and waits for its probes (last: status 503). Please try again in 1 seconds',
    );
    for (const probe of probes) probe.end(OK);
    expect(circuit.state).to.equal('CLOSED');
  });

  it('lets maxProbes attempts through at a time', () => {
    const { circuit } = halfOpen({ maxProbes: 3 });
    const probes = times(5, 0).map(() => begin(circuit));
    expect(probes.map(({ refused }) => !refused)).to.deep.equal([true, true, true, false, false]);
    probes[0]?.end(OK);
    expect(begin(circuit).refused).to.equal(undefined);
    expect(begin(circuit).refused).to.not.equal(undefined);
  });

  it('closes after successThreshold successes', () => {
    const { circuit } = halfOpen({ successThreshold: 3, maxProbes: 1 });
    run(circuit, OK, OK);
    expect(circuit.snapshot()).to.include({ state: 'HALF_OPEN', successes: 2 });
    run(circuit, OK);
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', successes: 0, failures: 0, windowTotal: 0 });
  });

  it('opens again with one failure, for resetTimeoutMs from then', () => {
    const { circuit, clock } = halfOpen();
    const [one, other] = [begin(circuit), begin(circuit)];
    one.end(OK);
    clock.advance(100);
    other.end(DOWN);
    expect(circuit.snapshot()).to.include({ state: 'OPEN', timeToResetMs: 30_000 });
  });

  it('opens again when the response of a probe breaks off', () => {
    const { circuit } = halfOpen();
    const probe = begin(circuit);
    probe.end(OK);
    probe.cut('ERR_UPSTREAM_RESET');
    expect(circuit.state).to.equal('OPEN');
  });

  it('frees the slot of a probe that says nothing about the target, and counts nothing', () => {
    const { circuit } = halfOpen({ maxProbes: 1 });
    for (const outcome of [ABANDONED, failure('ERR_PROXY_CONNECT'), failure('ERR_RATE_LIMITED')]) {
      run(circuit, outcome);
    }
    expect(circuit.snapshot()).to.include({ state: 'HALF_OPEN', successes: 0 });
    expect(begin(circuit).refused).to.equal(undefined);
  });

  it('drops a probe that has not ended after probeTimeoutMs', () => {
    const { circuit, clock } = halfOpen({ maxProbes: 1, probeTimeoutMs: 700 });
    const lost = begin(circuit);
    clock.advance(699);
    expect(begin(circuit).refused).to.not.equal(undefined);
    expect(circuit.blocks(toyExchange())).to.equal(true);
    clock.advance(1);
    expect(circuit.blocks(toyExchange())).to.equal(false);
    const next = begin(circuit);
    expect(next.refused).to.equal(undefined);
    lost.end(DOWN);
    expect(circuit.state).to.equal('HALF_OPEN');
    next.end(OK);
    run(circuit, OK);
    expect(circuit.state).to.equal('CLOSED');
  });

  it('gives a probe twice requestTimeoutMs by default', () => {
    const { circuit, clock } = halfOpen({ maxProbes: 1, requestTimeoutMs: 400 });
    begin(circuit);
    clock.advance(799);
    expect(begin(circuit).refused).to.not.equal(undefined);
    clock.advance(1);
    expect(begin(circuit).refused).to.equal(undefined);
  });

  it('learns nothing from attempts that began before it was half open', () => {
    const { circuit, clock } = toy({ failureThreshold: 1 });
    const [late, later] = [begin(circuit), begin(circuit)];
    run(circuit, DOWN);
    clock.advance(30_000);
    begin(circuit);
    late.end(OK);
    later.end(DOWN);
    expect(circuit.snapshot()).to.include({ state: 'HALF_OPEN', successes: 0 });
  });

  it('keeps the slot of a call that entered for its first attempt', () => {
    const { circuit } = halfOpen({ maxProbes: 1 });
    const exchange = toyExchange();
    expect(circuit.enter(exchange)).to.equal(undefined);
    expect(circuit.enter(toyExchange())?.code).to.equal('ERR_CIRCUIT_OPEN');
    expect(circuit.blocks(exchange)).to.equal(false);
    const probe = begin(circuit, exchange);
    expect(probe.refused).to.equal(undefined);
    probe.end(OK);
    expect(circuit.enter(toyExchange())).to.equal(undefined);
  });

  it('frees that slot when the call ends without an attempt', () => {
    const { circuit } = halfOpen({ maxProbes: 1 });
    const exchange = toyExchange();
    circuit.enter(exchange);
    exchange.onSettled(circuit.settled);
    exchange.res.emit('close');
    expect(circuit.state).to.equal('HALF_OPEN');
    expect(circuit.enter(toyExchange())).to.equal(undefined);
  });

  it('keeps that slot while the call goes on for others after its client has left', () => {
    const { circuit } = halfOpen({ maxProbes: 1 });
    const exchange = toyExchange();
    circuit.enter(exchange);
    exchange.onSettled(circuit.settled);
    exchange.hold();
    exchange.res.emit('close');
    expect(circuit.enter(toyExchange())).to.not.equal(undefined);
    expect(begin(circuit, exchange).refused).to.equal(undefined);
  });
});

describe('Circuit#forceOpen(), forceClose() and reset()', () => {
  it('stays open, whatever the time, until it is forced to close', () => {
    const { circuit, clock } = toy();
    circuit.forceOpen();
    clock.advance(1e9);
    const { refused } = begin(circuit);
    expect(refused?.headers).to.include({ 'Retry-After': '30' });
    expect(refused?.message).to.equal(
      'Service temporarily unavailable: circuit "github" was forced open. Please try again in 30 seconds',
    );
    expect(circuit.snapshot().timeToResetMs).to.equal(null);
    circuit.forceClose();
    expect(begin(circuit).refused).to.equal(undefined);
  });

  it('keeps a circuit open that had opened by itself', () => {
    const { circuit, clock } = toy({ failureThreshold: 1 });
    run(circuit, DOWN);
    circuit.forceOpen();
    clock.advance(1e9);
    expect(begin(circuit).refused).to.not.equal(undefined);
  });

  it('counts from zero after it was forced to close, and opens again as usual', () => {
    const { circuit } = toy({ failureThreshold: 2 });
    run(circuit, DOWN);
    circuit.forceClose();
    run(circuit, DOWN);
    expect(circuit.state).to.equal('CLOSED');
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
  });

  it('forgets the last failure with reset() only', () => {
    const { circuit } = toy({ failureThreshold: 1 });
    run(circuit, DOWN);
    circuit.forceClose();
    expect(circuit.snapshot().lastFailure).to.equal('status 503');
    circuit.reset();
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', lastFailure: null, lastFailureTime: null });
  });
});

describe('Circuit#snapshot()', () => {
  it('shows when and why it last failed, and what it has counted', () => {
    const { circuit, clock } = toy({ requestTimeoutMs: 100 });
    run(circuit, OK, DOWN, failure('ERR_UPSTREAM_TIMEOUT'));
    clock.advance(5);
    const { config, ...figures } = circuit.snapshot();
    expect(figures).to.deep.equal({
      api: 'github',
      circuit: 'github',
      state: 'CLOSED',
      scope: 'process',
      openedBy: null,
      failures: 2,
      causes: { 'status 503': 1, timeout: 1 },
      failureText: '2 failures: 1 response with status 503, 1 timeout of the target',
      notCounted: { client: 0, egress: 0, self: 0 },
      successes: 0,
      lastFailureTime: EPOCH,
      lastFailure: 'ERR_UPSTREAM_TIMEOUT happened',
      openForMs: 30_000,
      timeToResetMs: 0,
      windowTotal: 3,
      failureRatio: 2 / 3,
      slowCallRatio: 0,
      transitions: [],
    });
    expect(config).to.include({ failureThreshold: 5, requestTimeoutMs: 100, probeTimeoutMs: 200 });
  });

  it('lists the transitions with their reasons', () => {
    const { circuit, clock } = toy({ failureThreshold: 1 });
    run(circuit, DOWN);
    clock.advance(30_000);
    run(circuit, DOWN);
    clock.advance(30_000);
    run(circuit, OK, OK);
    circuit.forceOpen();
    circuit.reset();
    const listed = circuit.snapshot().transitions.map(({ from, to, reason }) => `${from} ${to}: ${reason}`);
    expect(listed).to.deep.equal([
      'CLOSED OPEN: failures in a row',
      'OPEN HALF_OPEN: reset timeout passed',
      'HALF_OPEN OPEN: probe failed',
      'OPEN HALF_OPEN: reset timeout passed',
      'HALF_OPEN CLOSED: probes succeeded',
      'CLOSED OPEN: forced',
      'OPEN CLOSED: reset',
    ]);
    expect(circuit.snapshot().transitions[1]?.time).to.equal(EPOCH + 30_000);
  });

  it('keeps the last 20 transitions', () => {
    const { circuit } = toy();
    for (let i = 0; i < 15; i++) {
      circuit.forceOpen();
      circuit.forceClose();
    }
    const { transitions } = circuit.snapshot();
    expect(transitions).to.have.length(20);
    expect(transitions.at(-1)?.to).to.equal('CLOSED');
  });
});

describe('Circuit events', () => {
  it('come in order, with the names of API and circuit', () => {
    const { circuit, clock, events } = toy({ failureThreshold: 1, successThreshold: 1 }, 'github:a');
    const emitted: unknown[] = [];
    for (const name of ['open', 'halfOpen', 'close', 'reject', 'failure'] as const) {
      events.on(name, (event: unknown) => emitted.push([name, event]));
    }
    const name = { api: 'github', circuit: 'github:a' };
    run(circuit, DOWN);
    clock.advance(10_000);
    begin(circuit);
    clock.advance(20_000);
    run(circuit, OK);
    expect(emitted).to.deep.equal([
      ['failure', { ...name, because: 'status 503', cause: 'status 503' }],
      [
        'open',
        {
          ...name,
          reason: 'failures in a row',
          failures: 1,
          failureText: '1 failure: 1 response with status 503',
          retryAfterMs: 30_000,
        },
      ],
      ['reject', { ...name, retryAfterMs: 20_000 }],
      ['halfOpen', name],
      ['close', { ...name, reason: 'probes succeeded' }],
    ]);
  });

  it('open the circuit and tell the other listeners when one throws, which becomes a warning', async () => {
    const { circuit, events } = toy({ failureThreshold: 1 });
    const told: string[] = [];
    events.on('failure', () => {
      throw new Error('a listener of the application');
    });
    events.on('failure', () => told.push('failure'));
    events.on('open', () => told.push('open'));
    const warned = once(process, 'warning');
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
    expect(told).to.deep.equal(['failure', 'open']);
    const [warning] = await warned;
    expect(warning).to.include({ name: 'ListenerWarning', code: 'RESILIENT_PROXY_LISTENER' });
    expect(warning.message).to.equal('A listener of "failure" failed: a listener of the application');
  });

  it('let a listener that forces the circuit prevail', () => {
    const { circuit, events } = toy({ failureThreshold: 1 });
    let opened = 0;
    events.on('open', () => opened++);
    events.on('failure', () => circuit.forceClose());
    run(circuit, DOWN);
    expect(circuit.state).to.equal('CLOSED');
    expect(opened).to.equal(0);
  });
});
