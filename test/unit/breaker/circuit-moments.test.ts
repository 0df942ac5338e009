import { expect } from 'chai';
import type { BreakerEvents } from '../../../lib/breaker/breaker-events.js';
import { type BreakerOptions, resolveBreaker } from '../../../lib/breaker/breaker-options.js';
import { Circuit } from '../../../lib/breaker/circuit.js';
import { circuitStatus } from '../../../lib/breaker/circuit-status.js';
import { Events } from '../../../lib/core/events.js';
import type { Exchange } from '../../../lib/core/exchange.js';
import { stopClock } from '../../support/fake-timers.js';
import { begin, EPOCH, failure, response, run, times, toyClock, toyExchange } from './toy-call.js';

const OK = response(200);
const DOWN = response(503);

function toy(options: BreakerOptions = {}) {
  const clock = toyClock();
  const events = new Events<BreakerEvents>();
  const { config } = resolveBreaker(options);
  const circuit = new Circuit({ api: 'api', circuit: 'api' }, config, events, clock);
  const told: string[] = [];
  for (const event of ['open', 'close', 'halfOpen'] as const) events.on(event, () => told.push(event));
  return { circuit, clock, events, told };
}

/** Its response has closed, sent in full. */
function close(exchange: Exchange, circuit: Circuit, status = 503): void {
  exchange.res.statusCode = status;
  Object.defineProperties(exchange.res, {
    writableEnded: { value: true },
    writableFinished: { value: true },
  });
  exchange.res.emit('close');
  circuit.settled(exchange);
}

describe('Circuit without a ratio', () => {
  it('has an empty window in its snapshot', () => {
    const { circuit } = toy({ failureRatio: false });
    run(circuit, OK, DOWN);
    expect(circuit.snapshot()).to.include({ windowTotal: 0, failureRatio: 0, failures: 1 });
  });

  it('opens by failures in a row, and can be forced, reset and closed', () => {
    const { circuit } = toy({ failureRatio: false, failureThreshold: 2 });
    run(circuit, DOWN, DOWN);
    expect(circuit.state).to.equal('OPEN');
    circuit.forceClose();
    expect(circuit.state).to.equal('CLOSED');
    circuit.close();
  });
});

describe('Circuit at one moment', () => {
  beforeEach(stopClock);

  it('counts an attempt that began when it was closed', () => {
    const { circuit } = toy({ failureThreshold: 1 });
    circuit.forceClose();
    run(circuit, DOWN);
    expect(circuit.state).to.equal('OPEN');
  });

  it('counts a response that breaks off, of an attempt that began when it was closed', () => {
    const { circuit } = toy({ failureThreshold: 1 });
    circuit.forceClose();
    const attempt = begin(circuit);
    attempt.end(OK);
    attempt.cut('ERR_UPSTREAM_RESET');
    expect(circuit.state).to.equal('OPEN');
  });
});

describe('Circuit and what began before it opened', () => {
  it('stays open whatever comes of it', () => {
    for (const outcome of [OK, DOWN, failure('ERR_UPSTREAM_RESET')]) {
      const { circuit, told } = toy({ failureThreshold: 1 });
      const late = begin(circuit);
      const cut = begin(circuit);
      cut.end(OK);
      run(circuit, DOWN);
      const before = circuit.snapshot();
      late.end(outcome);
      cut.cut('ERR_UPSTREAM_RESET');
      expect(circuit.snapshot()).to.deep.equal(before);
      expect(told).to.deep.equal(['open']);
    }
  });
});

describe('Circuit and the response of another handler', () => {
  it('counts it where no attempt was made', () => {
    const { circuit } = toy();
    close(toyExchange(), circuit);
    expect(circuit.snapshot()).to.include({ failures: 1, windowTotal: 1, lastFailure: 'status 503' });
  });

  it('does not count it a second time where an attempt was', () => {
    for (const outcome of [OK, DOWN]) {
      const { circuit } = toy();
      const attempt = begin(circuit);
      attempt.end(outcome);
      const before = circuit.snapshot();
      close(attempt.exchange, circuit);
      expect(circuit.snapshot()).to.deep.equal(before);
    }
  });

  it('frees the slot of a probe that came to no attempt, and counts none for another that did', () => {
    const { circuit, clock } = toy({ failureThreshold: 1, maxProbes: 1 });
    run(circuit, DOWN);
    clock.advance(30_000);
    const exchange = toyExchange();
    expect(circuit.enter(exchange)).to.equal(undefined);
    expect(circuit.enter(toyExchange())?.code).to.equal('ERR_CIRCUIT_OPEN');
    begin({}, exchange);
    close(exchange, circuit);
    expect(circuit.state).to.equal('HALF_OPEN');
    expect(circuit.enter(toyExchange())).to.equal(undefined);
  });

  it('waits for the attempts where others hold the call', () => {
    const { circuit } = toy();
    const exchange = toyExchange();
    exchange.hold();
    close(exchange, circuit);
    expect(circuit.snapshot()).to.include({ failures: 0, windowTotal: 0 });
  });
});

describe('Circuit that is forced', () => {
  it('says so once, however often it is', () => {
    const { circuit, told } = toy();
    circuit.forceClose();
    circuit.reset();
    expect(told).to.deep.equal([]);
    expect(circuit.snapshot().transitions).to.deep.equal([]);
    circuit.forceOpen();
    circuit.forceOpen();
    expect(told).to.deep.equal(['open']);
    expect(circuit.snapshot().transitions).to.have.length(1);
  });

  it('lets a call through whose probe a listener makes needless', () => {
    const { circuit, clock, events } = toy({ failureThreshold: 1, maxProbes: 1 });
    run(circuit, DOWN);
    clock.advance(30_000);
    events.on('halfOpen', () => circuit.forceClose());
    const attempts = [begin(circuit), begin(circuit)];
    expect(attempts.map(({ refused }) => refused)).to.deep.equal([undefined, undefined]);
    expect(circuit.state).to.equal('CLOSED');
  });

  it('says in its refusal that nobody knows its last failure', () => {
    const { circuit } = toy();
    circuit.forceOpen();
    expect(begin(circuit).refused?.message).to.equal(
      'Service temporarily unavailable: circuit "api" was forced open. Please try again in 30 seconds',
    );
  });
});

describe('Circuit that opens by its ratio', () => {
  it('says so', () => {
    const { circuit, events } = toy({ failureThreshold: 1000 });
    const reasons: unknown[] = [];
    events.on('open', ({ reason }) => reasons.push(reason));
    run(circuit, ...times(10, [OK, DOWN]).flat());
    expect(reasons).to.deep.equal(['failure ratio']);
    expect(circuit.snapshot().transitions[0]?.reason).to.equal('failure ratio');
    expect(begin(circuit).refused?.message).to.include(
      'is open after 10 of 20 attempts failed (last: status 503)',
    );
    const [status] = circuitStatus([circuit.snapshot()], EPOCH).circuits;
    expect(status).to.include({ last_failure_time: EPOCH / 1000, last_failure: 'status 503' });
  });
});
