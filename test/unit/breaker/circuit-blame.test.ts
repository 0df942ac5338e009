import { expect } from 'chai';
import { type BreakerOptions, resolveBreaker } from '../../../lib/breaker/breaker-options.js';
import { Circuit } from '../../../lib/breaker/circuit.js';
import { Events } from '../../../lib/core/events.js';
import { ABANDONED, begin, failure, response, run, type ToyClock, times, toyClock } from './toy-call.js';

const OK = response(200);
const DOWN = response(503);

function toy(options: BreakerOptions = {}): { circuit: Circuit; clock: ToyClock } {
  const clock = toyClock();
  const { config } = resolveBreaker(options);
  return { circuit: new Circuit({ api: 'a', circuit: 'a' }, config, new Events(), clock), clock };
}

/** Responses whose heads have come, and whose bodies flow. */
function streams(circuit: Circuit, count: number) {
  const open = times(count, 0).map(() => begin(circuit));
  for (const stream of open) stream.end(OK);
  return open;
}

/** Begins nothing until the clock of attempts has moved on. */
function nextMoment(): void {
  const now = performance.now();
  while (performance.now() === now);
}

describe('Circuit, by whose doing it was', () => {
  for (const by of ['client', 'egress', 'self'] as const) {
    it(`does not count what is the doing of ${by}, whatever its code, and shows it apart`, () => {
      const { circuit } = toy({ failureThreshold: 1 });
      run(circuit, failure('ERR_UPSTREAM_TIMEOUT', false, by), failure('ERR_UPSTREAM_CONNECT', false, by));
      const cut = begin(circuit);
      cut.end(OK);
      cut.cut('ERR_UPSTREAM_RESET', by);
      const { state, failures, notCounted, failureText } = circuit.snapshot();
      expect({ state, failures, failureText }).to.deep.equal({
        state: 'CLOSED',
        failures: 0,
        failureText: '',
      });
      expect(notCounted).to.deep.equal({ client: 0, egress: 0, self: 0, [by]: 3 });
    });
  }

  it('counts what is the doing of the target, whatever its code', () => {
    const { circuit } = toy({ failureThreshold: 1 });
    run(circuit, failure('ERR_INTERNAL', false, 'target'));
    expect(circuit.state).to.equal('OPEN');
  });

  it('shows clients that left before a response apart, and those that left afterwards not at all', () => {
    const { circuit } = toy();
    run(circuit, ABANDONED, ABANDONED);
    streams(circuit, 1);
    expect(circuit.snapshot().notCounted).to.deep.equal({ client: 2, egress: 0, self: 0 });
    circuit.reset();
    expect(circuit.snapshot().notCounted).to.deep.equal({ client: 0, egress: 0, self: 0 });
  });

  it('shows what this process has ended itself, at its shutdown for example, as its own', () => {
    const { circuit } = toy();
    begin(circuit).stop();
    expect(circuit.snapshot().notCounted).to.deep.equal({ client: 0, egress: 0, self: 1 });
  });

  it('says what the failures were that opened it, until it is closed', () => {
    const { circuit, clock } = toy();
    const [TIMEOUT, RESET] = [failure('ERR_UPSTREAM_TIMEOUT'), failure('ERR_UPSTREAM_RESET')];
    run(circuit, DOWN, OK, TIMEOUT, RESET, TIMEOUT, RESET, TIMEOUT);
    const text = '5 failures: 3 timeouts of the target, 2 resets';
    expect(circuit.snapshot()).to.include({ state: 'OPEN', failureText: text });
    clock.advance(30_000);
    run(circuit, DOWN);
    expect(circuit.snapshot().causes).to.deep.equal({ timeout: 3, reset: 2 });
    clock.advance(30_000);
    run(circuit, OK, OK);
    expect(circuit.snapshot()).to.deep.include({ causes: {}, failureText: '' });
  });

  it('says what failed in the window where the ratio opened it', () => {
    const { circuit, clock } = toy({ minimumRequests: 4 });
    run(circuit, DOWN);
    clock.advance(11_000);
    run(circuit, OK, DOWN, OK, failure('ERR_UPSTREAM_TLS'));
    expect(circuit.snapshot().failureText).to.equal('2 failures: 1 response with status 503, 1 TLS error');
  });
});

describe('Circuit, with streams', () => {
  it('counts several that one event cuts as one failure', () => {
    const { circuit } = toy({ failureThreshold: 2 });
    const open = streams(circuit, 6);
    nextMoment();
    for (const stream of open) stream.cut('ERR_UPSTREAM_RESET');
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', failures: 1, windowTotal: 1, failureRatio: 1 });
    run(circuit, OK);
    expect(circuit.snapshot()).to.include({ failures: 0 });
  });

  it('counts the next event anew, and opens for a target that cuts whatever begins', () => {
    const { circuit } = toy({ failureThreshold: 2, failureRatio: false });
    const stream = streams(circuit, 1)[0];
    nextMoment();
    stream?.cut('ERR_UPSTREAM_RESET');
    const [later] = streams(circuit, 1);
    later?.cut('ERR_UPSTREAM_RESET');
    // Each response succeeds at its head, which its own cut takes back.
    expect(circuit.snapshot().failures).to.equal(2);
    expect(circuit.state).to.equal('OPEN');
  });

  it('opens by the ratio when many at a time are cut, again and again', () => {
    const { circuit } = toy({ minimumRequests: 5 });
    for (let round = 0; round < 10; round++) {
      const open = streams(circuit, 10);
      nextMoment();
      for (const stream of open) stream.cut('ERR_UPSTREAM_RESET');
    }
    expect(circuit.state).to.equal('OPEN');
  });
});

describe('Circuit, with backoffFactor', () => {
  const openForMs = ({ circuit }: { circuit: Circuit }) => circuit.snapshot().timeToResetMs;

  it('stays open longer after each failed probe, up to maxResetTimeoutMs, and starts over once closed', () => {
    const made = toy({ failureThreshold: 1, resetTimeoutMs: 100, backoffFactor: 2, maxResetTimeoutMs: 300 });
    const { circuit, clock } = made;
    const seen: (number | null)[] = [];
    run(circuit, DOWN);
    for (let i = 0; i < 3; i++) {
      seen.push(openForMs(made));
      clock.advance(openForMs(made) ?? 0);
      run(circuit, DOWN);
    }
    expect([...seen, openForMs(made)]).to.deep.equal([100, 200, 300, 300]);
    expect(circuit.snapshot().openForMs).to.equal(300);
    clock.advance(299);
    expect(begin(circuit).refused?.headers['Retry-After']).to.equal('1');
    clock.advance(1);
    run(circuit, OK, OK, DOWN);
    expect(openForMs(made)).to.equal(100);
  });

  it('stays open for the same time by default', () => {
    const made = toy({ failureThreshold: 1, resetTimeoutMs: 100 });
    run(made.circuit, DOWN);
    made.clock.advance(100);
    run(made.circuit, DOWN);
    expect(openForMs(made)).to.equal(100);
  });
});

describe('Circuit, with slowCallMs', () => {
  const SLOW = { slowCallMs: 1000, slowCallRatio: 0.5, minimumRequests: 4, failureRatio: false } as const;
  const call = (circuit: Circuit, tookMs: number, outcome = OK) => begin(circuit).end(outcome, tookMs);

  it('opens when the share of slow calls is reached, though all of them succeeded', () => {
    const { circuit } = toy(SLOW);
    for (const tookMs of [10, 2000, 10]) call(circuit, tookMs);
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', slowCallRatio: 1 / 3, failures: 0 });
    call(circuit, 1000);
    const { transitions, failureText } = circuit.snapshot();
    expect(transitions.at(-1)).to.include({ to: 'OPEN', reason: 'slow call ratio' });
    expect(failureText).to.equal('2 slow calls');
    expect(begin(circuit).refused?.message).to.include(
      'is open after 2 of 4 calls took 1000 ms or more (last: no response within 1000 ms)',
    );
  });

  it('counts a client that gave up on a target that hangs as a slow call, and one that left early not', () => {
    const { circuit } = toy(SLOW);
    for (let i = 0; i < 10; i++) call(circuit, 500, ABANDONED);
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', slowCallRatio: 0 });
    for (let i = 0; i < 4; i++) call(circuit, 3000, ABANDONED);
    expect(circuit.state).to.equal('OPEN');
  });

  it('looks only at the time in which the target had all of the request', () => {
    const { circuit } = toy(SLOW);
    for (let i = 0; i < 10; i++) begin(circuit).end(ABANDONED);
    for (let i = 0; i < 10; i++) call(circuit, 5000, failure('ERR_UPSTREAM_TIMEOUT', false, 'client'));
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', slowCallRatio: 0 });
  });

  it('opens again when a probe is slow', () => {
    const { circuit, clock } = toy({ ...SLOW, failureThreshold: 1 });
    run(circuit, DOWN);
    clock.advance(30_000);
    call(circuit, 1500);
    expect(circuit.snapshot()).to.include({ state: 'OPEN', lastFailure: 'no response within 1000 ms' });
    clock.advance(30_000);
    for (let i = 0; i < 2; i++) call(circuit, 15);
    expect(circuit.state).to.equal('CLOSED');
  });

  it('does not look at times by default', () => {
    const { circuit } = toy({ minimumRequests: 1 });
    for (let i = 0; i < 10; i++) call(circuit, 1e6);
    expect(circuit.snapshot()).to.include({ state: 'CLOSED', slowCallRatio: 0 });
  });
});
