import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import type { EgressCall } from '../../../lib/core/egress.js';
import { EgressProxy, type ProxyOwner } from '../../../lib/proxy-rotate/egress-proxy.js';
import { hash } from '../../../lib/proxy-rotate/hash.js';
import { Lanes } from '../../../lib/proxy-rotate/lanes.js';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { closestTo, leastUsed, nextInTurn, type Search } from '../../../lib/proxy-rotate/strategies.js';

const OWNER: ProxyOwner = { now: () => 0, dialEnded: () => {} };

/** Proxies that have all been used, and a call that may take any. */
function toySearch(count: number, limits: EgressCall['limits'] = []): Search {
  const urls = Array.from({ length: count }, (_, i) => ({ url: `http://h:${i + 1}`, name: `e${i}` }));
  const options = resolveProxyRotate({ proxies: urls });
  const times = { ...options, probeTimeoutMs: 1000 };
  const proxies = options.proxies.map((proxy, i) => new EgressProxy(proxy, i, options, times, OWNER));
  for (const proxy of proxies) {
    proxy.cooldown.begin(0);
    proxy.cooldown.succeeded(0, 0);
  }
  const lane = new Lanes(times, options.noProxy).at('https://api.example');
  const call = { req: new IncomingMessage(new Socket()), limits };
  return { proxies, start: 0, call, lane, tried: new Set(), now: 0 };
}

const cooldown = (search: Search, index: number, cooldownMs: number) =>
  search.proxies[index]?.cooldown.failed({ reason: 'down', beganAt: 0, cooldownMs }, 0);

describe('nextInTurn()', () => {
  it('begins at the start and goes round the list', () => {
    const search = toySearch(3);
    expect([0, 1, 2].map((start) => nextInTurn({ ...search, start }).proxy?.name)).to.deep.equal([
      'e0',
      'e1',
      'e2',
    ]);
    cooldown(search, 2, 500);
    expect(nextInTurn({ ...search, start: 2 }).proxy?.name).to.equal('e0');
  });

  it('says when the first cool-down ends if no proxy can be used', () => {
    const search = toySearch(2);
    cooldown(search, 0, 900);
    cooldown(search, 1, 500);
    expect(nextInTurn(search)).to.include({ proxy: undefined, onProbe: false, coolsDownUntil: 500 });
  });

  it('leaves out proxies that have failed for the call or are being probed', () => {
    const search = { ...toySearch(3), tried: new Set(['e0']) };
    cooldown(search, 1, 0);
    search.proxies[1]?.cooldown.begin(0);
    expect(nextInTurn(search)).to.include({ onProbe: true }).and.have.nested.property('proxy.name', 'e2');
  });

  it('lets a proxy give back the turns that it took while another was probed for the first time', () => {
    const search = { ...toySearch(2), start: 1 };
    const [first, second] = search.proxies;
    if (second) second.owes = 2;
    expect([1, 2, 3].map(() => nextInTurn(search).proxy)).to.deep.equal([first, first, second]);
  });

  it('takes, of proxies whose limits are exhausted, the one that is available first', () => {
    const availableAt: Record<string, number> = { e0: Date.now() + 60_000, e1: Date.now() + 30_000 };
    const search = toySearch(2, [{ readyAt: (name = '') => availableAt[name] ?? 0 }, {}]);
    expect(nextInTurn(search).proxy?.name).to.equal('e1');
  });
});

describe('leastUsed()', () => {
  it('takes the proxy with the fewest attempts under way, in turn among equals', () => {
    const search = toySearch(3);
    for (const [i, active] of [2, 1, 1].entries()) {
      const proxy = search.proxies[i];
      if (proxy) proxy.active = active;
    }
    expect(leastUsed(search).proxy?.name).to.equal('e1');
    expect(leastUsed({ ...search, start: 2 }).proxy?.name).to.equal('e2');
  });
});

describe('closestTo()', () => {
  const keys = Array.from({ length: 1000 }, (_, i) => `user ${i}`);
  const placesOf = (search: Search) => keys.map((key) => closestTo(key, search).proxy?.name);

  it('takes the same proxy for a key, and another only while that one cools down', () => {
    const search = toySearch(3);
    const places = placesOf(search);
    expect(placesOf({ ...search, start: 1 })).to.deep.equal(places);
    cooldown(search, 1, 500);
    const meanwhile = placesOf(search);
    expect(meanwhile).to.not.include('e1');
    expect(meanwhile.filter((name, i) => places[i] !== 'e1' && name !== places[i])).to.deep.equal([]);
    expect(placesOf({ ...search, now: 500 })).to.deep.equal(places);
  });

  it('spreads keys evenly, and moves few of them where a proxy is added', () => {
    const [before, after] = [placesOf(toySearch(9)), placesOf(toySearch(10))];
    const moved = after.filter((name, i) => name !== before[i]);
    expect(new Set(moved)).to.deep.equal(new Set(['e9']));
    expect(moved.length).to.be.within(60, 140);
    for (const proxy of new Set(after)) {
      expect(after.filter((name) => name === proxy).length).to.be.within(60, 140);
    }
  });
});

describe('hash()', () => {
  it('is the same for the same text, and spreads evenly', () => {
    expect(hash('user 1')).to.equal(hash('user 1'));
    const places = Array.from({ length: 10_000 }, (_, i) => hash(`user ${i}`) % 10);
    const counts = Array.from({ length: 10 }, (_, place) => places.filter((at) => at === place).length);
    expect(Math.min(...counts)).to.be.above(800);
  });
});
