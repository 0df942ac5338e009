import { expect } from 'chai';
import { RedisCircuit } from '../../../lib/redis/circuit.js';
import { until } from '../../support/until.js';

/** A circuit whose probes end as the test says. */
function circuitWith(replies: boolean[], failures = 2) {
  const tried: string[] = [];
  let closings = 0;
  const circuit = new RedisCircuit(
    { failures, resetMs: 1 },
    async (key) => {
      tried.push(key);
      return replies.shift() ?? false;
    },
    () => closings++,
  );
  return { circuit, tried, closings: () => closings };
}

describe('RedisCircuit', () => {
  it('opens after so many failures in a row, and not before', () => {
    const { circuit } = circuitWith([]);
    circuit.failed('a');
    circuit.succeeded();
    circuit.failed('a');
    expect(circuit.isOpen).to.equal(false);
    circuit.failed('a');
    expect(circuit.isOpen).to.equal(true);
    circuit.close();
  });

  it('probes the node of the last failure until one probe succeeds', async () => {
    const { circuit, tried, closings } = circuitWith([false, false, true], 1);
    circuit.failed('{node}');
    circuit.failed('other');
    await until(() => !circuit.isOpen);
    expect(tried).to.deep.equal(['{node}', '{node}', '{node}']);
    expect(closings()).to.equal(1);
    circuit.failed('{node}');
    expect(circuit.isOpen).to.equal(true);
    circuit.close();
  });

  it('closes at once for a new connection', () => {
    const { circuit, closings } = circuitWith([], 1);
    circuit.reset();
    expect(closings()).to.equal(0);
    circuit.failed('a');
    circuit.reset();
    expect(circuit.isOpen).to.equal(false);
    expect(closings()).to.equal(1);
  });

  it('is not opened again by a probe that ends after it was closed', async () => {
    let settle: (replied: boolean) => void = () => {};
    let tried = 0;
    const circuit = new RedisCircuit(
      { failures: 1, resetMs: 1 },
      () => {
        tried++;
        return new Promise((resolve) => {
          settle = resolve;
        });
      },
      () => {},
    );
    circuit.failed('a');
    await until(() => tried === 1);
    circuit.reset();
    settle(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(circuit.isOpen).to.equal(false);
  });
});
