import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { CircuitRegistry } from '../../../lib/breaker/circuit-registry.js';

describe('CircuitRegistry', () => {
  it('lists the circuits of every breaker that shares it', () => {
    const registry = new CircuitRegistry();
    breaker({ name: 'github', registry });
    const tenants = breaker({ name: 'tenants', registry, key: () => 'one' });
    tenants.forceOpen('two');
    const listed = registry.list().map(({ api, circuit, state }) => ({ api, circuit, state }));
    expect(listed).to.deep.equal([
      { api: 'github', circuit: 'github', state: 'CLOSED' },
      { api: 'tenants', circuit: 'tenants:two', state: 'OPEN' },
    ]);
  });

  it('finds a circuit by its name and creates none', () => {
    const registry = new CircuitRegistry();
    const github = breaker({ name: 'github', registry });
    registry.get('github')?.forceOpen();
    expect(github.state).to.equal('OPEN');
    expect(registry.get('nosuch')).to.equal(undefined);
    expect(registry.list()).to.have.length(1);
  });

  it('refuses a second breaker of the same name', () => {
    const registry = new CircuitRegistry();
    breaker({ name: 'github', registry });
    expect(() => breaker({ name: 'github', registry })).to.throw(
      'breaker.name must be the only one of its name in the registry; received "github"',
    );
  });

  it('removes a breaker that is closed', () => {
    const registry = new CircuitRegistry();
    breaker({ name: 'github', registry }).close();
    expect(registry.list()).to.deep.equal([]);
    expect(() => breaker({ name: 'github', registry })).to.not.throw();
  });

  it('lists plain JSON', () => {
    const { registry } = breaker();
    expect(JSON.parse(JSON.stringify(registry.list()))).to.deep.equal(registry.list());
  });
});
