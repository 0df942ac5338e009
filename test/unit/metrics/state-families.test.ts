import { expect } from 'chai';
import type { LimitStatus } from '../../../lib/core/egress-status.js';
import type { Row } from '../../../lib/metrics/family.js';
import { circuitFamilies, egressFamilies } from '../../../lib/metrics/state-families.js';

const rowsOf = (families: ReturnType<typeof circuitFamilies>, name: string): Row[] => [
  ...(families.find((family) => family.name === name)?.rows() ?? []),
];

describe('circuitFamilies()', () => {
  it('shows a thousand circuits at most, those that are not closed first', () => {
    const circuits = Array.from({ length: 5000 }, (_, i) => ({
      circuit: `c${i}`,
      state: i >= 4990 ? ('OPEN' as const) : ('CLOSED' as const),
    }));
    const rows = rowsOf(
      circuitFamilies(() => circuits),
      'circuit_state',
    );
    expect(rows).to.have.length(3000);
    const open = rows.filter(([{ state }, value]) => state === 'OPEN' && value === 1);
    expect(open.map(([{ circuit }]) => circuit)).to.include.members(['c4990', 'c4999']);
  });

  it('cuts a long key short', () => {
    const rows = rowsOf(
      circuitFamilies(() => [{ circuit: `api:${'x'.repeat(5000)}`, state: 'OPEN' }]),
      'circuit_state',
    );
    expect(rows[0]?.[0].circuit).to.have.length(200);
  });
});

describe('egressFamilies()', () => {
  const limit = (credential: string, proxy: string | undefined): LimitStatus => ({
    api: 'a',
    name: 'default',
    credential,
    proxy,
    state: 'exhausted',
    remaining: 1,
    limit: undefined,
    resetsAt: undefined,
    queued: 1,
  });

  it('shows one line for each egress proxy, however many credentials there are', () => {
    const limits = Array.from({ length: 10_000 }, (_, i) =>
      limit(String(i), i % 2 === 0 ? 'one' : undefined),
    );
    const families = egressFamilies(() => ({ proxies: [], limits }));
    expect(rowsOf(families, 'limits_exhausted')).to.deep.equal([
      [{ api: 'a', proxy: 'one' }, 5000],
      [{ api: 'a', proxy: 'direct' }, 5000],
    ]);
    expect(rowsOf(families, 'calls_queued')).to.have.length(2);
  });

  it('shows a thousand egress proxies at most', () => {
    const limits = Array.from({ length: 5000 }, (_, i) => limit('', `proxy-${i}`));
    expect(
      rowsOf(
        egressFamilies(() => ({ proxies: [], limits })),
        'limit_remaining',
      ),
    ).to.have.length(1000);
  });
});
