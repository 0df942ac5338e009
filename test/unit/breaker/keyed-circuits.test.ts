import { expect } from 'chai';
import type { BreakerEvents } from '../../../lib/breaker/breaker-events.js';
import { resolveBreaker } from '../../../lib/breaker/breaker-options.js';
import { KeyedCircuits } from '../../../lib/breaker/keyed-circuits.js';
import { Events } from '../../../lib/core/events.js';
import { toyClock } from './toy-call.js';

function keyed(max: number): KeyedCircuits {
  return new KeyedCircuits('api', max, resolveBreaker({}).config, new Events<BreakerEvents>(), toyClock());
}

const names = (circuits: KeyedCircuits) => circuits.all().map(({ circuit }) => circuit);

describe('KeyedCircuits', () => {
  it('gives each key its circuit, and calls without a key the one of its own name', () => {
    const circuits = keyed(10);
    expect(circuits.get('a')).to.equal(circuits.get('a'));
    expect(circuits.get('a')).to.not.equal(circuits.get('b'));
    expect(circuits.get()).to.equal(circuits.get('api'));
    expect(names(circuits)).to.have.members(['api', 'api:a', 'api:b']);
  });

  it('takes any string for a key', () => {
    const circuits = keyed(10);
    expect(circuits.get('__proto__').circuit).to.equal('api:__proto__');
    expect(circuits.get('__proto__').api).to.equal('api');
    expect(circuits.get('constructor').state).to.equal('CLOSED');
    expect(circuits.get('').circuit).to.equal('api:');
  });

  it('forgets the circuit that was unused for longest', () => {
    const circuits = keyed(3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) circuits.get(key);
    expect(names(circuits)).to.deep.equal(['api:c', 'api:a', 'api:d']);
  });

  it('forgets closed circuits before open ones', () => {
    const circuits = keyed(3);
    circuits.get('a').forceOpen();
    circuits.get('b');
    circuits.get('c').forceOpen();
    circuits.get('d');
    expect(names(circuits)).to.deep.equal(['api:a', 'api:c', 'api:d']);
    circuits.get('d').forceOpen();
    circuits.get('e');
    expect(names(circuits)).to.deep.equal(['api:c', 'api:d', 'api:e']);
  });

  it('never forgets the circuit of its name', () => {
    const circuits = keyed(2);
    const own = circuits.get();
    for (const key of ['a', 'b', 'c']) circuits.get(key);
    expect(names(circuits)).to.deep.equal(['api', 'api:c']);
    expect(circuits.get()).to.equal(own);
  });
});
