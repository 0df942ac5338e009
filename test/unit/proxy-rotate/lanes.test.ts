import { expect } from 'chai';
import { EgressProxy } from '../../../lib/proxy-rotate/egress-proxy.js';
import { Lanes } from '../../../lib/proxy-rotate/lanes.js';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';

const TIMES = { cooldownMs: 1000, maxCooldownMs: 5000, maxFailures: 1, probeTimeoutMs: 300 };

function lanesOf() {
  const asked: unknown[] = [];
  const lanes = new Lanes(TIMES, (hostname, port) => {
    asked.push([hostname, port]);
    return hostname === 'inside.test';
  });
  return { lanes, asked };
}

describe('Lanes', () => {
  it('are one for each origin', () => {
    const { lanes, asked } = lanesOf();
    const target = { origin: 'https://api.test' };
    const lane = lanes.of(target);
    expect(lane).to.include({ origin: 'https://api.test', host: 'api.test', encrypted: true, bypass: false });
    expect(lanes.of(target)).to.equal(lane);
    expect(lanes.of({ ...target })).to.equal(lane);
    expect(lanes.at('https://api.test')).to.equal(lane);
    const other = lanes.of({ origin: 'http://api.test:8080' });
    expect(other).to.include({ host: 'api.test:8080', encrypted: false });
    expect(lanes.of(target)).to.equal(lane);
    expect([...lanes.all()]).to.deep.equal([lane, other]);
    expect(asked).to.deep.equal([
      ['api.test', 443],
      ['api.test', 8080],
    ]);
  });

  it('ask whether a target is called directly by its name and port, without brackets', () => {
    const { lanes, asked } = lanesOf();
    for (const origin of ['http://inside.test', 'http://[::1]:81', 'http://[::1]']) lanes.at(origin);
    expect(asked).to.deep.equal([
      ['inside.test', 80],
      ['::1', 81],
      ['::1', 80],
    ]);
    expect(lanes.at('http://inside.test').bypass).to.equal(true);
  });

  it('have a cool-down for each proxy that needs one, which has worked before', () => {
    const { lanes } = lanesOf();
    const options = resolveProxyRotate({ proxies: ['http://h:1'] });
    const [resolved] = options.proxies;
    if (!resolved) throw new Error('There is no proxy');
    const proxy = new EgressProxy(resolved, 0, options, TIMES, { now: () => 0, dialEnded: () => {} });
    const lane = lanes.at('https://api.test');
    expect(lane.cooldowns.size).to.equal(0);
    const cooldown = lanes.cooldown(lane, proxy);
    expect(cooldown.state(0)).to.equal('ok');
    expect(lanes.cooldown(lane, proxy)).to.equal(cooldown);
    expect(lane.cooldowns.get(proxy)).to.equal(cooldown);
    expect(lane.direct.state(0)).to.equal('ok');
  });

  it('are a thousand at most: the oldest is forgotten', () => {
    const { lanes } = lanesOf();
    const first = { origin: 'http://t0.test' };
    const lane = lanes.of(first);
    for (let i = 1; i < 1000; i++) lanes.at(`http://t${i}.test`);
    expect(lanes.of(first)).to.equal(lane);
    expect([...lanes.all()]).to.have.length(1000);
    lanes.at('http://t1000.test');
    expect([...lanes.all()]).to.have.length(1000);
    expect(lanes.of(first)).not.to.equal(lane);
  });
});
