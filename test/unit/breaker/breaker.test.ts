import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { type BreakerHandler, breaker } from '../../../lib/breaker/breaker.js';
import type { BreakerOptions } from '../../../lib/breaker/breaker-options.js';
import { ProxyError } from '../../../lib/core/errors.js';
import { exchangeOf } from '../../../lib/core/exchange.js';
import { begin, response, toyClock } from './toy-call.js';

/** A call that comes to the middleware, and what that passes on. */
function enter(handler: BreakerHandler, url = '/') {
  const req = new IncomingMessage(new Socket());
  req.url = url;
  const res = new ServerResponse(req);
  const passed: unknown[] = [];
  const pass = (): void => handler(req, res, (error) => passed.push(error));
  pass();
  return { exchange: exchangeOf(req, res), passed, pass };
}

const named = (options: BreakerOptions = {}) => breaker({ name: 'orders', ...options });

describe('breaker()', () => {
  it('is called breaker, and lets calls go on behind its circuit', () => {
    const handler = named({ requestTimeoutMs: 700 });
    expect(handler.name).to.equal('breaker');
    const { exchange, passed } = enter(handler);
    expect(passed).to.deep.equal([undefined]);
    expect(exchange.limits).to.deep.equal([handler.circuit()]);
    expect(exchange).to.include({ attemptTimeoutMs: 700, error: undefined });
  });

  it('refuses calls by next(error) while it is open', () => {
    const handler = named();
    handler.forceOpen();
    const { exchange, passed } = enter(handler);
    expect(passed[0]).to.be.instanceOf(ProxyError).and.include({ code: 'ERR_CIRCUIT_OPEN' });
    expect(passed).to.have.length(1);
    expect(exchange.error).to.equal(passed[0]);
    expect(exchange.limits).to.deep.equal([]);
    expect(exchange.attemptTimeoutMs).to.equal(undefined);
  });

  it('counts a call once that passes it twice', () => {
    const handler = named();
    const { exchange, passed, pass } = enter(handler);
    handler.forceOpen();
    pass();
    expect(passed).to.deep.equal([undefined, undefined]);
    expect(exchange.limits).to.have.length(1);
  });

  it('has a circuit for each key', () => {
    const handler = named({ key: ({ url }) => url });
    const [a, b] = [enter(handler, '/a'), enter(handler, '/b')];
    expect(a.exchange.limits).to.deep.equal([handler.circuit('/a')]);
    expect(b.exchange.limits).to.deep.equal([handler.circuit('/b')]);
    const keyless = named({ name: 'other', key: () => undefined });
    expect(enter(keyless).exchange.limits).to.deep.equal([keyless.circuit()]);
  });

  it('passes on what its key function throws', () => {
    const fault = new Error('no tenant');
    const handler = named({
      key: () => {
        throw fault;
      },
    });
    const { exchange, passed } = enter(handler);
    expect(passed).to.deep.equal([fault]);
    expect(exchange.limits).to.deep.equal([]);
  });

  it('counts the response of another handler when it has closed', () => {
    const handler = named({ failureThreshold: 1 });
    const { exchange } = enter(handler);
    exchange.res.statusCode = 503;
    Object.defineProperties(exchange.res, {
      writableEnded: { value: true },
      writableFinished: { value: true },
    });
    exchange.res.emit('close');
    expect(handler.state).to.equal('OPEN');
  });

  it('can be forced and reset, as a whole or by key', () => {
    const handler = named({ key: ({ url }) => url });
    for (const key of [undefined, 'a']) {
      const state = () => handler.circuit(key).state;
      handler.forceOpen(key);
      expect(state()).to.equal('OPEN');
      handler.forceClose(key);
      expect(state()).to.equal('CLOSED');
      handler.forceOpen(key);
      handler.reset(key);
      expect(state()).to.equal('CLOSED');
    }
    handler.forceOpen('b');
    expect(handler.state).to.equal('CLOSED');
  });

  it('tells its listeners, until they are taken off', () => {
    const handler = named();
    const told: unknown[] = [];
    const listener = (event: unknown): void => void told.push(event);
    handler.on('open', listener);
    handler.forceOpen();
    handler.off('open', listener);
    handler.forceClose();
    handler.forceOpen();
    expect(told).to.have.length(1);
  });

  it('is on the list of its registry until it is closed, and takes no other off it', () => {
    const handler = named();
    const { registry } = handler;
    expect(registry.list().map(({ circuit }) => circuit)).to.deep.equal(['orders']);
    handler.close();
    expect(registry.list()).to.deep.equal([]);
    const second = named({ registry });
    handler.close();
    expect(registry.get('orders')).to.equal(second.circuit());
  });

  it('goes by the clock that it is given', () => {
    const clock = toyClock();
    const handler = breaker({ failureThreshold: 1, resetTimeoutMs: 1000 }, clock);
    const circuit = handler.circuit();
    begin(circuit).end(response(500));
    clock.advance(999);
    expect(begin(circuit).refused?.message).to.include('in 1 seconds');
    clock.advance(1);
    expect(begin(circuit).refused).to.equal(undefined);
  });
});
