import { expect } from 'chai';
import request from 'supertest';
import { breakerDashboardWithTime } from '../../dashboards/breaker-dashboard.js';
import {
  type BreakerDashboardOptions,
  type BreakerDashboardSource,
  breakerDashboard,
} from '../../dashboards/index.js';
import { breaker } from '../../lib/breaker/breaker.js';
import { CircuitRegistry } from '../../lib/breaker/circuit-registry.js';
import { InvalidOptionError } from '../../lib/core/errors.js';
import { egressAt } from '../support/dashboard-scene.js';
import { toyTime } from '../support/toy-time.js';
import { follow } from './event-stream.js';
import { mounted } from './mounted.js';

const OWN_PAGE = { 'X-Dashboard-Action': 'reset', 'Sec-Fetch-Site': 'same-origin' };

async function board(
  options: BreakerDashboardOptions = { actions: true },
  more: Partial<BreakerDashboardSource> = {},
) {
  const registry = new CircuitRegistry();
  const payments = breaker({ name: 'payments', registry });
  const time = toyTime();
  const { board: url } = await mounted(
    breakerDashboardWithTime(time, { circuits: registry, ...more }, options),
  );
  const post = (path: string, headers: Record<string, string> = OWN_PAGE) =>
    request(url).post(path).set(headers);
  return { url, time, registry, payments, post, get: (path: string) => request(url).get(path) };
}

describe('breakerDashboard()', () => {
  it('responds with every circuit, egress proxy and rate limit', async () => {
    const now = Date.now();
    const { get } = await board({}, { egress: () => egressAt(now) });
    const { body } = await get('data').expect(200).expect('Cache-Control', 'no-store');
    expect(body.circuits).to.include({ actions: false });
    expect(body.circuits.circuits[0]).to.include({
      api: 'payments',
      circuit: 'payments',
      state: 'CLOSED',
      failures: 0,
    });
    expect(body.circuits.proxies).to.have.length(3);
    expect(body.circuits.limits).to.have.length(5);
    expect(body.circuits.quotas).to.have.length(2);
  });

  it('reports within a second that a circuit has opened, and nothing while nothing changes', async () => {
    const { url, payments, time } = await board();
    const stream = await follow(`${url}events`);
    await stream.nth('circuits', 1);
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        time.advance(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await pass(1);
    payments.forceOpen();
    await pass(1);
    const { circuits } = (await stream.nth('circuits', 2)) as { circuits: { state: string }[] };
    expect(circuits[0]?.state).to.equal('OPEN');
    await pass(5);
    payments.forceClose();
    await pass(1);
    await stream.nth('circuits', 3);
    expect(stream.events).to.have.length(3);
  });

  it('reports that an open circuit was forced open', async () => {
    const { url, payments } = await board();
    payments.circuit().forceOpen();
    const stream = await follow(`${url}events`);
    const first = (await stream.nth('circuits', 1)) as { circuits: { timeToResetMs: number | null }[] };
    expect(first.circuits[0]?.timeToResetMs).to.equal(null);
  });

  describe('with actions', () => {
    it('forces open, forces closed and resets', async () => {
      const { post, payments } = await board();
      const { body } = await post('actions/open?circuit=payments').expect(200);
      expect(payments.state).to.equal('OPEN');
      expect(body.circuits.circuits[0].state).to.equal('OPEN');
      await post('actions/close?circuit=payments').expect(200);
      expect(payments.state).to.equal('CLOSED');
      payments.forceOpen();
      await post('actions/reset?circuit=payments').expect(200);
      expect(payments.state).to.equal('CLOSED');
    });

    it('purges the cache of a circuit’s API, and of no other name', async () => {
      const purged: string[] = [];
      const purge = async (api: string) => purged.push(api);
      const { post, get, registry } = await board(undefined, { purge });
      breaker({ name: 'ledger', registry, key: () => 'a' }).circuit('a');
      const { body } = await get('data');
      expect(body.circuits.circuits.map((circuit: { purge: string }) => circuit.purge)).to.deep.equal([
        'payments',
        'ledger',
      ]);
      await post('actions/purge?api=ledger').expect(200);
      await post('actions/purge?api=elsewhere').expect(404);
      expect(purged).to.deep.equal(['ledger']);
    });

    it('offers to purge only what the source says it can', async () => {
      const purge = async () => undefined;
      const { get, post } = await board(undefined, { purge, purgeable: () => ['other'] });
      expect((await get('data')).body.circuits.circuits[0]).to.not.have.property('purge');
      await post('actions/purge?api=payments').expect(404);
    });

    it('tells onAction what was done', async () => {
      const heard: string[] = [];
      const onAction = (action: string, name: string) => heard.push(`${action} ${name}`);
      const { post } = await board({ actions: true, onAction });
      await post('actions/open?circuit=payments').expect(200);
      await post('actions/open?circuit=nobody').expect(404);
      expect(heard).to.deep.equal(['open payments']);
    });

    it('answers 404 for a circuit that is not there, and makes none', async () => {
      const { post, registry } = await board();
      await post('actions/reset?circuit=__proto__').expect(404);
      expect(registry.list()).to.have.length(1);
    });

    for (const [what, headers] of [
      ['without the header', { 'Sec-Fetch-Site': 'same-origin' }],
      ['of another site', { ...OWN_PAGE, 'Sec-Fetch-Site': 'cross-site' }],
      ['of the same site but another origin', { ...OWN_PAGE, 'Sec-Fetch-Site': 'same-site' }],
      ['of another Origin', { 'X-Dashboard-Action': 'x', Origin: 'https://evil.example' }],
      [
        'of an Origin that ends alike',
        { 'X-Dashboard-Action': 'x', Origin: 'http://evil-board.example', Host: 'board.example' },
      ],
      ['of an opaque Origin', { 'X-Dashboard-Action': 'x', Origin: 'null' }],
    ] as const) {
      it(`refuses an action ${what} with 403`, async () => {
        const { post, payments } = await board();
        const { body } = await post('actions/open?circuit=payments', headers).expect(403);
        expect(body.code).to.equal('ERR_FORBIDDEN');
        expect(payments.state).to.equal('CLOSED');
      });
    }

    it('takes an action of its own Origin where the browser says no more, behind a proxy too', async () => {
      const { post } = await board();
      const header = { 'X-Dashboard-Action': 'x' };
      await post('actions/reset?circuit=payments', {
        ...header,
        Origin: 'http://board.example:81',
        Host: 'board.example:81',
      }).expect(200);
      const behind = { ...header, Origin: 'https://board.example', 'X-Forwarded-Host': 'board.example' };
      await post('actions/reset?circuit=payments', behind).expect(200);
    });

    it('refuses to act by GET', async () => {
      const { get, payments } = await board();
      await get('actions/open?circuit=payments').set(OWN_PAGE).expect(405).expect('Allow', 'POST');
      expect(payments.state).to.equal('CLOSED');
    });
  });

  it('has no actions by default', async () => {
    const { post, payments } = await board({});
    await post('actions/open?circuit=payments').expect(404);
    expect(payments.state).to.equal('CLOSED');
  });

  it('refuses an unknown option', () => {
    const options = { action: true } as BreakerDashboardOptions;
    expect(() => breakerDashboard({ circuits: new CircuitRegistry() }, options)).to.throw(
      InvalidOptionError,
      /breakerDashboard\.action.*did you mean actions/,
    );
  });
});
