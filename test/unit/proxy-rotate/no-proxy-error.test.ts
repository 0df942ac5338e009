import { expect } from 'chai';
import { Cooldown } from '../../../lib/proxy-rotate/cooldown.js';
import { EgressProxy, type ProxyOwner } from '../../../lib/proxy-rotate/egress-proxy.js';
import { Lanes } from '../../../lib/proxy-rotate/lanes.js';
import { type Exhausted, noProxyError } from '../../../lib/proxy-rotate/no-proxy-error.js';
import { resolveProxyRotate } from '../../../lib/proxy-rotate/proxy-rotate-options.js';

const TIMES = { cooldownMs: 1000, maxCooldownMs: 5000, maxFailures: 1, probeTimeoutMs: 300 };
const OWNER: ProxyOwner = { now: () => 0, dialEnded: () => {} };

/** So many proxies, none of which is cooling down. */
function toyProxies(count: number): Exhausted {
  const urls = Array.from({ length: count }, (_, i) => ({
    url: `http://u:secret@h:${i + 1}`,
    name: `p${i}`,
  }));
  const options = resolveProxyRotate({ proxies: urls });
  const proxies = options.proxies.map((proxy, i) => new EgressProxy(proxy, i, options, TIMES, OWNER));
  const lane = new Lanes(TIMES, options.noProxy).at('https://api.example');
  const coolsDownUntil = Number.POSITIVE_INFINITY;
  return {
    api: 'x',
    proxies,
    hasList: false,
    env: false,
    lane,
    tried: new Set(),
    key: undefined,
    coolsDownUntil,
    now: 0,
  };
}

function coolDown({ proxies }: Exhausted, reason: string): void {
  for (const proxy of proxies) proxy.cooldown.failed({ reason, beganAt: 0, cooldownMs: 5000 }, 0);
}

const causeOf = (exhausted: Exhausted) => (noProxyError(exhausted, 1000).cause as Error).message;

describe('noProxyError()', () => {
  it('says of an empty list that it is the list', () => {
    const exhausted = { ...toyProxies(0), hasList: true };
    expect(noProxyError(exhausted, 1000).message).to.equal('No egress proxy can be used now');
    expect(causeOf(exhausted)).to.equal('The list of egress proxies of "x" has none that can be used');
  });

  it('tells the client only that no proxy can be used, and when to come back', () => {
    const exhausted = toyProxies(2);
    coolDown(exhausted, 'ECONNREFUSED');
    const { message, headers } = noProxyError(exhausted, 5000);
    expect(message).to.equal('No egress proxy can be used now');
    expect(headers).to.include({ 'Retry-After': '5' });
  });

  it('has the state of each proxy in its cause', () => {
    const exhausted = { ...toyProxies(2), coolsDownUntil: 4001 };
    coolDown(exhausted, 'ECONNREFUSED');
    expect(causeOf(exhausted)).to.equal(
      'All 2 egress proxies of "x" are cooling down (p0: ECONNREFUSED, p1: ECONNREFUSED); next probe in 5 s',
    );
  });

  it('counts a cool-down for this target alone', () => {
    const exhausted = { ...toyProxies(1), coolsDownUntil: 1000 };
    const cooldown = new Cooldown(TIMES, true);
    cooldown.failed({ reason: 'status 503', beganAt: 0 }, 0);
    for (const proxy of exhausted.proxies) exhausted.lane.cooldowns.set(proxy, cooldown);
    expect(causeOf(exhausted)).to.equal(
      'The only egress proxy of "x" is cooling down (p0: status 503); next probe in 1 s',
    );
  });

  it('tells proxies that are being probed from those that have failed for the call', () => {
    const exhausted = { ...toyProxies(2), tried: new Set(['p1']) };
    expect(causeOf(exhausted)).to.equal(
      'No egress proxy of "x" can be used (p0: being probed, p1: failed for this call)',
    );
  });

  it('names five proxies at most', () => {
    const exhausted = toyProxies(10_000);
    coolDown(exhausted, 'status 407');
    expect(causeOf(exhausted)).to.match(/^All 10000 egress proxies .*p4: status 407, and 9995 more\)$/);
  });
});
