import { expect } from 'chai';
import type { NamedProxy, ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { dueRound } from '../../../lib/proxy-rotate/strategies.js';
import { ToyRotation, toyCall } from './toy-rotation.js';

/** Proxies `p0`, `p1` ... of these weights. */
const weighing = (...weights: number[]): NamedProxy[] =>
  weights.map((weight, i) => ({ url: `http://h:${i + 1}`, name: `p${i}`, weight }));

/** How often each of the proxies is chosen. */
function shares(toy: ToyRotation, calls: number, callOf = () => toyCall()): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < calls; i++) {
    const attempt = toy.attempt(callOf());
    counts[attempt.way] = (counts[attempt.way] ?? 0) + 1;
    attempt.respond(200);
  }
  return counts;
}

function toyOf(weights: readonly number[], options: ProxyRotateOptions = {}): ToyRotation {
  return new ToyRotation(weights.length, { proxies: weighing(...weights), ...options }).proven(60);
}

describe('proxyRotate.proxies[].weight', () => {
  it('is the share of the calls in turn', () => {
    expect(shares(toyOf([3, 1, 2]), 600)).to.deep.equal({ p0: 300, p1: 100, p2: 200 });
  });

  it('spreads the turns of each', () => {
    const toy = toyOf([3, 1]);
    const ways = Array.from({ length: 8 }, () => {
      const attempt = toy.attempt();
      attempt.respond(200);
      return attempt.way;
    });
    expect(ways.join(' ')).to.match(/p0 p0 p0 p1 p0/);
  });

  it('holds among those that are left', () => {
    const toy = toyOf([1000, 1, 2]);
    for (;;) {
      const attempt = toy.attempt();
      attempt.respond(attempt.way === 'p0' ? 429 : 200, 'retry-after', '600');
      if (attempt.way === 'p0') break;
    }
    expect(shares(toy, 300)).to.deep.equal({ p1: 100, p2: 200 });
  });

  it('is the share of attempts in progress with least_used', () => {
    const toy = toyOf([3, 1], { strategy: 'least_used' });
    const ways = Array.from({ length: 40 }, () => toy.attempt().way);
    expect(ways.filter((way) => way === 'p0')).to.have.length(30);
  });

  it('is the share of the keys with sticky, and moves no others', () => {
    let key = 0;
    const keyed = (weights: number[]) => toyOf(weights, { strategy: 'sticky', stickyKey: () => `k${key}` });
    const ways = (toy: ToyRotation) =>
      Array.from({ length: 2000 }, (_, i) => {
        key = i;
        const attempt = toy.attempt();
        attempt.respond(200);
        return attempt.way;
      });
    const toy = keyed([1, 1, 1]);
    const equal = ways(toy);
    const weighted = ways(keyed([2, 1, 1]));
    expect(weighted.filter((way) => way === 'p0').length).to.be.within(920, 1080);
    for (const [i, way] of weighted.entries()) if (way !== 'p0') expect(way).to.equal(equal[i]);
  });

  it('is 1 by default, and above 0', () => {
    expect(resolveProxyRotate({ proxies: ['http://p:1'] }).proxies[0]?.weight).to.equal(1);
    expect(() => resolveProxyRotate({ proxies: weighing(0) })).to.throw(
      'proxies[0].weight must be at least 0.01',
    );
  });
});

describe('dueRound()', () => {
  it('gives each its share of the rounds', () => {
    for (const share of [1, 0.5, 1 / 3, 0.3, 0.001]) {
      let round = 0;
      let turns = 0;
      while (round < 10_000) {
        round = Math.max(round, dueRound(share, round)) + 1;
        turns++;
      }
      expect(turns, String(share)).to.be.within(10_000 * share - 1, 10_000 * share + 1);
    }
  });
});

describe('proxyRotate.use', () => {
  const proxies: NamedProxy[] = [
    { url: 'http://h:1', name: 'a', tags: ['de', 'mobile'] },
    { url: 'http://h:2', name: 'b', tags: ['de'] },
    { url: 'http://h:3', name: 'c' },
  ];
  const names = (options: ProxyRotateOptions) =>
    new ToyRotation(0, { proxies, ...options }).status().map(({ name }) => name);

  it('is all proxies by default, and those with all of its tags', () => {
    expect(names({})).to.deep.equal(['a', 'b', 'c']);
    expect(names({ use: { tags: ['de'] } })).to.deep.equal(['a', 'b']);
    expect(names({ use: { tags: ['mobile', 'de'] } })).to.deep.equal(['a']);
  });

  it('refuses tags that no proxy has, and an empty list', () => {
    expect(() => names({ use: { tags: ['fr'] } })).to.throw(
      'use.tags must be tags that at least one of the proxies has',
    );
    expect(() => names({ use: { tags: [] } })).to.throw('use.tags must be at least 1 entries');
  });
});
