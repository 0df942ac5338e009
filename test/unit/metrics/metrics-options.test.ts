import { expect } from 'chai';
import { Registry } from 'prom-client';
import { metrics } from '../../../lib/metrics/metrics.js';
import { type MetricsOptions, resolveMetrics } from '../../../lib/metrics/metrics-options.js';

describe('MetricsOptions', () => {
  it('have the documented defaults', () => {
    expect(resolveMetrics({})).to.deep.equal({
      name: 'default',
      prefix: 'resilient_proxy_',
      bucketsMs: [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000],
      eventLoop: false,
    });
  });

  it('take undefined for the default and leave the given object alone', () => {
    const given = Object.freeze({ name: undefined, bucketsMs: Object.freeze([1, 2]) });
    const resolved = resolveMetrics(given);
    expect([resolved.name, resolved.bucketsMs]).to.deep.equal(['default', [1, 2]]);
    expect(Object.isFrozen(resolved)).to.equal(true);
  });

  it('take a registry of either text format', () => {
    const register = new Registry();
    expect(resolveMetrics({ register }).register).to.equal(register);
  });

  const refused: [keyof MetricsOptions, unknown, string][] = [
    ['name', '', 'metrics.name must be at least 1 characters; received ""'],
    [
      'prefix',
      'a-b',
      'metrics.prefix must begin with a letter or "_" and hold only letters, digits, "_" and ":"; received "a-b"',
    ],
    ['register', {}, 'metrics.register must be a Registry of prom-client; received an object'],
    ['bucketsMs', [], 'metrics.bucketsMs must be at least 1 entries; received an array of 0'],
    ['bucketsMs', [2, 2], 'metrics.bucketsMs must ascend; received an array of 2'],
    ['bucketsMs', [1, Number.NaN], 'metrics.bucketsMs[1] must be a number; received NaN'],
    ['circuits', [], 'metrics.circuits must be a function; received an array of 0'],
    ['egress', 'x', 'metrics.egress must be a function; received "x"'],
    ['eventLoop', 1, 'metrics.eventLoop must be a boolean; received 1'],
  ];
  for (const [name, value, message] of refused) {
    it(`refuse ${name}: ${JSON.stringify(value)}`, () => {
      expect(() => metrics({ [name]: value })).to.throw(message);
    });
  }

  it('refuse an unknown name and offer the nearest', () => {
    expect(() => metrics({ prefx: 'x_' } as MetricsOptions)).to.throw(
      'metrics.prefx is not an option of metrics (did you mean prefix?)',
    );
  });
});
