import { expect } from 'chai';
import type { ConcurrencyStatus } from '../../../lib/concurrency/concurrency-status.js';
import type {
  EgressProxyStatus,
  EgressStatus,
  LimitStatus,
  ProxyListStatus,
  QuotaStatus,
} from '../../../lib/core/egress-status.js';
import { mergeStatus } from '../../../lib/workers/merge-status.js';

const proxy = (more: Partial<EgressProxyStatus> = {}): EgressProxyStatus => ({
  api: 'x',
  name: 'proxy-1',
  address: 'http://10.0.0.1:3128',
  state: 'ok',
  coolsDownUntil: undefined,
  reason: undefined,
  failures: 0,
  attempts: 0,
  active: 0,
  successes: 0,
  latencyMs: undefined,
  bans: 0,
  bytesSent: 0,
  bytesReceived: 0,
  cost: undefined,
  ...more,
});

const limit = (more: Partial<LimitStatus> = {}): LimitStatus => ({
  api: 'x',
  name: 'default',
  credential: '',
  proxy: undefined,
  state: 'available',
  remaining: undefined,
  limit: undefined,
  resetsAt: undefined,
  queued: 0,
  ...more,
});

const quota = (more: Partial<QuotaStatus> = {}): QuotaStatus => ({
  api: 'x',
  name: 'limit',
  limit: 10,
  windowMs: 1000,
  remaining: 10,
  queued: 0,
  waitingKeys: 0,
  ...more,
});

const list = (more: Partial<ProxyListStatus> = {}): ProxyListStatus => ({
  api: 'x',
  source: '/etc/proxies.txt',
  proxies: 3,
  readAt: 1000,
  failure: undefined,
  wrongLines: 0,
  problems: [],
  ...more,
});

const egress = (more: Partial<EgressStatus> = {}): EgressStatus => ({ proxies: [], limits: [], ...more });
const inFlight = (more: Partial<ConcurrencyStatus> = {}): ConcurrencyStatus => ({
  of: '',
  limit: 4,
  adaptive: false,
  inFlight: 0,
  waiting: 0,
  ...more,
});
/** As `/concurrency-status` responds. */
const concurrency = (...limits: ConcurrencyStatus[]) => ({
  concurrency: [{ api: 'x', limits, refused: { queue: 1, wait: 0 } }],
});

describe('mergeStatus()', () => {
  it('leaves that of one process as it is', () => {
    const one = egress({ proxies: [proxy({ attempts: 3 })], limits: [limit()], lists: [list()] });
    expect(mergeStatus([one])).to.deep.equal(one);
  });

  it('adds up what processes have sent through a proxy, and have open', () => {
    const { proxies } = mergeStatus([
      egress({ proxies: [proxy({ attempts: 3, active: 1, successes: 2, bytesSent: 10, cost: 0.5 })] }),
      egress({ proxies: [proxy({ attempts: 4, active: 2, successes: 4, bytesSent: 20, bans: 1 })] }),
    ]);
    expect(proxies).to.deep.equal([
      proxy({ attempts: 7, active: 3, successes: 6, bytesSent: 30, bans: 1, cost: 0.5 }),
    ]);
  });

  it('keeps different proxies, APIs and addresses apart, in their order', () => {
    const others = [proxy(), proxy({ name: 'proxy-2' }), proxy({ api: 'y' }), proxy({ address: undefined })];
    expect(mergeStatus([egress({ proxies: others }), egress({ proxies: others })]).proxies).to.deep.equal(
      others,
    );
  });

  it('shows the process with the trouble', () => {
    const trouble = proxy({
      state: 'cooling-down',
      coolsDownUntil: 5000,
      reason: 'ECONNREFUSED',
      failures: 2,
    });
    for (const all of [
      [proxy({ failures: 1 }), trouble],
      [trouble, proxy({ failures: 1 })],
    ])
      expect(mergeStatus(all.map((one) => egress({ proxies: [one] }))).proxies).to.deep.equal([trouble]);
  });

  it('weighs the latency that processes see of a proxy by what they have seen', () => {
    const all = [
      proxy({ successes: 1, latencyMs: 400 }),
      proxy(),
      proxy({ successes: 3, latencyMs: 100 }),
      proxy({ successes: 4, latencyMs: 125 }),
    ];
    const { proxies } = mergeStatus(all.map((one) => egress({ proxies: [one] })));
    expect(proxies).to.deep.equal([proxy({ successes: 8, latencyMs: 150 })]);
  });

  it('shows of a limit that all of them know what is newest, and adds up who waits', () => {
    const { limits, quotas } = mergeStatus([
      egress({
        limits: [limit({ limit: 60, remaining: 7, resetsAt: 900, queued: 1 })],
        quotas: [quota({ remaining: 4, queued: 2, waitingKeys: 1 })],
      }),
      egress({
        limits: [limit({ state: 'exhausted', limit: 60, remaining: 0, resetsAt: 950, queued: 2 })],
        quotas: [quota({ remaining: 3, queued: 1, waitingKeys: 1 })],
      }),
    ]);
    expect(limits).to.deep.equal([
      limit({ state: 'exhausted', limit: 60, remaining: 0, resetsAt: 950, queued: 3 }),
    ]);
    expect(quotas).to.deep.equal([quota({ remaining: 3, queued: 3, waitingKeys: 2 })]);
  });

  it('shows each list of proxies once, with the lines that are wrong in it', () => {
    const lists = [
      list({
        wrongLines: 2,
        problems: [
          { line: 4, rule: 'a' },
          { line: 9, rule: 'b' },
        ],
      }),
      list({ source: 'https://lists.example', proxies: 8 }),
    ];
    const later = lists.map((one) => ({ ...one, readAt: 2000, failure: 'ENOENT' }));
    expect(mergeStatus([egress({ lists }), egress({ lists: later })]).lists).to.deep.equal(later);
  });

  it('shows each limit of requests in flight once, with the requests of all processes', () => {
    const merged = mergeStatus([
      concurrency(inFlight({ of: 'a', inFlight: 1 }), inFlight({ of: 'b', inFlight: 2, waiting: 1 })),
      concurrency(inFlight({ of: 'b', inFlight: 1 }), inFlight({ of: 'c', inFlight: 3 })),
    ]);
    expect(merged.concurrency[0]?.limits).to.deep.equal([
      inFlight({ of: 'a', inFlight: 1 }),
      inFlight({ of: 'b', inFlight: 3, waiting: 1 }),
      inFlight({ of: 'c', inFlight: 3 }),
    ]);
    expect(merged.concurrency[0]?.refused).to.deep.equal({ queue: 2, wait: 0 });
  });

  it('takes what one process alone has', () => {
    expect(mergeStatus([egress(), egress({ quotas: [quota()] })])).to.deep.equal(
      egress({ quotas: [quota()] }),
    );
    const caches = [{ api: 'x', hits: 1, notStored: { status: 1 } }];
    expect(mergeStatus([{ caches: [] }, { caches }, { caches }])).to.deep.equal({
      caches: [{ api: 'x', hits: 2, notStored: { status: 2 } }],
    });
  });
});
