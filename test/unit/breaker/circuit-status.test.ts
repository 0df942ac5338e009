import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { circuitStatus } from '../../../lib/breaker/circuit-status.js';

const NOW = 1_700_000_000_250;

describe('circuitStatus()', () => {
  it('has the OpenResty fields, in seconds', () => {
    const guard = breaker({ name: 'weather', resetTimeoutMs: 45_000, key: () => 'x' }, () => NOW);
    guard.circuit('a');
    const { timestamp, circuits } = circuitStatus(guard.registry.list(), NOW);
    expect(timestamp).to.equal(1_700_000_000.25);
    expect(circuits).to.deep.equal([
      {
        ...{ target: 'weather:a', state: 'CLOSED', failures: 0, successes: 0 },
        ...{ scope: 'process', opened_by: null },
        ...{ causes: {}, failure_text: '', not_counted: { client: 0, egress: 0, self: 0 } },
        ...{ open_for: 45, slow_call_ratio: 0 },
        ...{ last_failure_time: null, last_failure: null, time_to_reset: 0 },
        ...{ window_total: 0, failure_ratio: 0, transitions: [] },
        config: {
          ...{ failure_threshold: 5, reset_timeout: 45, request_timeout: 10_000, success_threshold: 2 },
          ...{ failure_statuses: [500, '502-504', '506-510', '512-599'] },
          ...{ backoff_factor: 1, max_reset_timeout: 300, slow_call: false, slow_call_ratio: 0.5 },
          ...{ max_probes: 2, probe_timeout: 20, failure_ratio: 0.5, minimum_requests: 20, window: 10 },
          ...{ scope: 'process', quorum: 2 },
        },
      },
    ]);
  });

  it('has no time to reset for a circuit that was forced open', () => {
    const guard = breaker({ name: 'weather' }, () => NOW);
    guard.forceOpen();
    const [circuit] = circuitStatus(guard.registry.list(), NOW).circuits;
    expect(circuit).to.include({ state: 'OPEN', time_to_reset: null });
    expect(circuit?.transitions).to.deep.equal([
      { time: 1_700_000_000.25, from: 'CLOSED', to: 'OPEN', reason: 'forced' },
    ]);
  });
});
