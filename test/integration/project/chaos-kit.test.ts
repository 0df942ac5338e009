import { createServer } from 'node:net';
import { expect } from 'chai';
import { type CallRecord, Ledger, mostWithin } from '../../chaos/kit/ledger.js';
import { startLoad } from '../../chaos/kit/load.js';
import { now } from '../../chaos/kit/now.js';
import { type RelayFault, startRelay } from '../../chaos/kit/relay.js';
import { hard, timed } from '../../chaos/kit/row.js';
import { isKept, mayBeBusy, tableOf } from '../../chaos/kit/table.js';
import { startChaosUpstream } from '../../chaos/kit/upstream.js';
import { call } from '../../support/client.js';
import { listening } from '../../support/listening.js';
import { rawClient } from '../../support/raw-client.js';
import { until } from '../../support/until.js';

const record = (values: Partial<CallRecord>): CallRecord => ({
  kind: 'plain',
  path: '/',
  target: 0,
  at: 0,
  latencyMs: 1,
  lateMs: 0,
  status: 200,
  error: undefined,
  ...values,
});

describe('Ledger', () => {
  const ledger = new Ledger([
    ...Array.from({ length: 99 }, (_, i) => record({ at: i, latencyMs: i + 1 })),
    record({ at: 99, latencyMs: 5000, status: 0, error: 'ECONNRESET' }),
    record({ at: 100, kind: 'other', target: 1, status: 503 }),
    record({ at: 101, kind: 'other', target: 1, status: 429 }),
  ]);

  it('counts what has failed: no response, or one from 500 on', () => {
    expect([ledger.calls, ledger.failed]).to.deep.equal([102, 2]);
    expect(ledger.outcomes).to.equal('200: 99, ECONNRESET: 1, 503: 1, 429: 1');
  });

  it('selects by kind, process, status and time', () => {
    const counts = [{ kind: 'other' }, { target: 1, status: 429 }, { from: 10, until: 20 }];
    expect(counts.map((selection) => ledger.of(selection).calls)).to.deep.equal([2, 1, 10]);
  });

  it('tells the latency that a share of the calls did not exceed', () => {
    const plain = ledger.of({ kind: 'plain' });
    expect([plain.p50, plain.p99, plain.max]).to.deep.equal([50, 99, 5000]);
    expect(new Ledger([]).p99).to.be.NaN;
  });

  it('finds the most within any span', () => {
    expect(mostWithin([0, 400, 900, 950, 1300, 5000], 1000)).to.equal(4);
    expect(ledger.mostWithin(10)).to.equal(10);
  });
});

describe('the table', () => {
  const [kept, missedTime, missedCount] = [
    hard('a', 1, true),
    timed('b', '9 ms', false),
    hard('c', 2, false),
  ];

  it('measures again where a time alone was missed', () => {
    const busy = { fault: 'x', measurements: [[kept, missedTime]] };
    expect([isKept(busy), mayBeBusy(busy)]).to.deep.equal([false, true]);
    const again = {
      fault: 'x',
      measurements: [
        [kept, missedTime],
        [kept, timed('b', '3 ms', true)],
      ],
    };
    expect([isKept(again), mayBeBusy(again)]).to.deep.equal([true, false]);
    expect(tableOf([again])).to.match(/\| b +\| 9 ms, then 3 ms +\| yes +\|/);
  });

  it('forgets no count that was missed once', () => {
    const row = {
      fault: 'x',
      measurements: [
        [missedCount, missedTime],
        [hard('c', 0, true), kept],
      ],
    };
    expect([isKept(row), mayBeBusy(row)]).to.deep.equal([false, false]);
    expect(tableOf([row])).to.match(/\| x +\| c +\| 2, then 0 +\| NO +\|/);
  });

  it('keeps no limit that was not measured', () => {
    expect(isKept({ fault: 'x', measurements: [[]] })).to.equal(false);
  });
});

describe('startLoad()', () => {
  it('sends calls when they are due, whatever became of those before, and counts from then', async () => {
    const upstream = await startChaosUpstream({ mode: 'hang' });
    const mix = [
      { kind: 'get', share: 3, path: '/get/{n}', variants: 2 },
      { kind: 'post', share: 1, path: '/post', method: 'POST', body: 'x' },
    ] as const;
    const load = await startLoad({ rate: 100, targets: [upstream.url], mix, timeoutMs: 60_000 });
    const arrived = async () => (await upstream.arrivals()).length;
    while ((await arrived()) < 40) await new Promise((resolve) => setTimeout(resolve, 10));
    await upstream.become({ mode: 'refuse' });
    const ledger = await load.stop();
    const failed = ledger.of({ status: 0 });
    expect(failed.calls).to.be.at.least(40);
    expect(failed.outcomes).to.match(/ECONNRESET: \d/);
    const [first, second] = ledger.records.map(({ at }) => at).sort((a, b) => a - b);
    expect(Number(second) - Number(first)).to.be.closeTo(10, 0.01);
    expect(ledger.max).to.be.above(300);
    expect(ledger.of({ kind: 'get' }).calls / ledger.calls).to.be.closeTo(0.75, 0.05);
    const arrivals = await upstream.arrivals();
    expect(new Set(arrivals.map(({ method, path }) => `${method} ${path}`))).to.have.keys([
      'GET /get/0',
      'GET /get/1',
      'POST /post',
    ]);
  });

  it('sends each kind, and each variant of it, to all targets', async () => {
    const upstreams = [await startChaosUpstream(), await startChaosUpstream()];
    const mix = ['/a/{n}', '/b/{n}'].map((path) => ({ kind: path, share: 1, path, variants: 2 }));
    const load = await startLoad({ rate: 400, targets: upstreams.map(({ url }) => url), mix });
    while ((await load.ledger()).calls < 8) await new Promise((resolve) => setTimeout(resolve, 5));
    await load.stop();
    for (const upstream of upstreams) {
      const paths = (await upstream.arrivals()).map(({ path }) => path);
      expect(new Set(paths)).to.have.keys(['/a/0', '/a/1', '/b/0', '/b/1']);
    }
  });

  it('sends to other targets from now on', async () => {
    const [one, two] = [await startChaosUpstream(), await startChaosUpstream()];
    const mix = [{ kind: 'get', share: 1, path: '/' }];
    const load = await startLoad({ rate: 200, targets: [one.url], mix });
    while ((await load.ledger()).calls === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    load.retarget([undefined, two.url]);
    while ((await load.ledger()).of({ target: 1 }).calls === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const ledger = await load.stop();
    expect((await two.arrivals()).length).to.equal(ledger.of({ target: 1 }).calls);
    expect(ledger.failed).to.equal(0);
  });
});

describe('startChaosUpstream()', () => {
  it('responds late, by another status, by path, and notes what arrives', async () => {
    const upstream = await startChaosUpstream({
      delays: { '/slow': 50 },
      statuses: { '/bad': 500 },
      bodyBytes: 12,
    });
    const from = now();
    const responses = [await call(`${upstream.url}/slow/1`), await call(`${upstream.url}/bad`)];
    expect(now() - from).to.be.above(45);
    expect(responses.map(({ status, text }) => [status, text.length])).to.deep.equal([
      [200, 12],
      [500, 12],
    ]);
    await upstream.become({ mode: 'unavailable' });
    expect((await call(upstream.url)).status).to.equal(503);
    await upstream.become({ mode: 'refuse' });
    expect(await call(upstream.url).catch(({ code }) => code)).to.equal('ECONNREFUSED');
    await upstream.become({});
    expect((await call(upstream.url)).status).to.equal(200);
    expect((await upstream.arrivals('/slow')).map(({ path }) => path)).to.deep.equal(['/slow/1']);
  });
});

/** A relay in front of a server that sends back what it gets, and all that the server has got. */
async function startRelayed() {
  const got: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('data', (chunk) => got.push(String(chunk))).pipe(socket);
  });
  const { port } = await listening(server);
  const relay = await startRelay(port);
  return { relay, got, client: () => rawClient(relay.port) };
}

describe('startRelay()', () => {
  it('carries bytes and ends in both directions', async () => {
    const { client } = await startRelayed();
    const one = await client();
    one.send('hello');
    one.halfClose();
    expect(await one.untilClosed()).to.equal('hello');
  });

  it('delays', async () => {
    const { relay, client } = await startRelayed();
    relay.strike([{ kind: 'latency', ms: 40 }]);
    const one = await client();
    const from = now();
    one.send('hello');
    await one.until(/hello/);
    // A timer may be a little early.
    expect(now() - from).to.be.above(75);
  });

  it('swallows what the client sends, or both', async () => {
    const { relay, got, client } = await startRelayed();
    for (const fault of [{ kind: 'halfOpen' }, { kind: 'blackHole' }] satisfies RelayFault[]) {
      relay.strike([fault]);
      const one = await client();
      one.send('lost');
      relay.strike([]);
      const other = await client();
      other.send('hello');
      await other.until(/hello/);
      expect([one.text, one.closed]).to.deep.equal(['', false]);
    }
    expect(got.join()).to.equal('hello,hello');
  });

  it('resets after so many bytes of the server', async () => {
    const { relay, client } = await startRelayed();
    relay.strike([{ kind: 'reset', afterBytes: 3 }]);
    const one = await client();
    one.send('hello');
    expect(await one.untilClosed()).to.equal('hel');
  });

  it('has so many bytes a second', async () => {
    const { relay, client } = await startRelayed();
    relay.strike([{ kind: 'bandwidth', bytesPerSecond: 20_000 }]);
    const one = await client();
    const from = now();
    one.send('x'.repeat(4000));
    await until(() => one.text.length === 4000);
    expect(now() - from).to.be.above(390);
  });

  it('strikes a share of the connections, those that are open too where it is told to', async () => {
    const { relay, client } = await startRelayed();
    relay.strike([{ kind: 'reset', afterBytes: 1, share: 0.25 }]);
    const clients = await Promise.all(Array.from({ length: 8 }, client));
    for (const one of clients) one.send('y');
    await until(() => clients.filter(({ closed }) => closed).length === 2);
    await until(() => clients.filter(({ text }) => text === 'y').length >= 6);
    relay.strikeAll([{ kind: 'reset', afterBytes: 0 }]);
    await until(() => clients.every(({ closed }) => closed));
  });

  it('leads new connections to another server', async () => {
    const [one, two] = [await startRelayed(), await startRelayed()];
    const before = await one.client();
    one.relay.target = two.relay.port;
    const after = await one.client();
    before.send('before');
    after.send('after');
    await Promise.all([before.until(/before/), after.until(/after/)]);
    expect([one.got, two.got]).to.deep.equal([['before'], ['after']]);
  });
});
