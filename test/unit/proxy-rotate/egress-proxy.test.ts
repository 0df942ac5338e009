import { expect } from 'chai';
import { DialError, refusedTunnel, unreachable } from '../../../lib/proxy-rotate/dial-error.js';
import { EgressProxy } from '../../../lib/proxy-rotate/egress-proxy.js';
import {
  type ProxyRotateOptions,
  resolveProxyRotate,
} from '../../../lib/proxy-rotate/proxy-rotate-options.js';

const TIMES = { cooldownMs: 1000, maxCooldownMs: 5000, maxFailures: 1, probeTimeoutMs: 300 };

function proxyOf(options: ProxyRotateOptions = {}) {
  const clock = { now: 100 };
  const told: unknown[] = [];
  const resolved = resolveProxyRotate({ proxies: ['http://user:pass@proxy.test:3128'], ...options });
  const [first] = resolved.proxies;
  if (!first) throw new Error('There is no proxy');
  const proxy = new EgressProxy(first, 3, resolved, TIMES, {
    now: () => clock.now,
    dialEnded: (...ended) => told.push(ended),
  });
  return { proxy, clock, told };
}

describe('EgressProxy', () => {
  it('has its name, its place, and an address without credentials', () => {
    const { proxy } = proxyOf();
    expect(proxy).to.include({ name: 'proxy.test:3128', index: 3, origin: 'http://proxy.test:3128' });
    expect(proxy.status('api', 100)).to.deep.equal({
      ...{ api: 'api', name: 'proxy.test:3128', address: 'http://proxy.test:3128', state: 'ok' },
      ...{ coolsDownUntil: undefined, reason: undefined, failures: 0, attempts: 0, active: 0 },
      ...{ successes: 0, latencyMs: undefined, bans: 0, bytesSent: 0, bytesReceived: 0, cost: undefined },
    });
  });

  it('is one way to all targets through a tunnel', () => {
    const { proxy } = proxyOf({ connections: 7 });
    const egress = proxy.egress(true);
    expect(proxy.egress(false)).to.equal(egress);
    expect(egress).to.include({
      name: 'proxy.test:3128',
      absoluteForm: undefined,
      connections: 7,
    });
    expect(egress.agent).to.include({ maxSockets: 7, keepAlive: true });
  });

  it('is another without one, with its credentials', () => {
    const { proxy } = proxyOf({ tunnel: false });
    const plain = proxy.egress(false);
    expect(proxy.egress(false)).to.equal(plain);
    expect(plain.absoluteForm).to.deep.equal({
      origin: 'http://proxy.test:3128',
      rawHeaders: ['proxy-authorization', `Basic ${Buffer.from('user:pass').toString('base64')}`],
    });
    const tunnel = proxy.egress(true);
    expect(tunnel).not.to.equal(plain);
    expect(proxy.egress(true)).to.equal(tunnel);
    expect(tunnel.absoluteForm).to.equal(undefined);
    expect(tunnel.agent).to.equal(plain.agent);
    expect(plain.connections).to.equal(undefined);
    expect(plain.agent.maxSockets).to.equal(256);
    const open = proxyOf({ tunnel: false, proxies: ['http://proxy.test'] }).proxy;
    expect(open.egress(false).absoluteForm).to.deep.equal({ origin: 'http://proxy.test:80', rawHeaders: [] });
  });

  it('tells how a connection that it opened has ended, and for which target', () => {
    const { proxy, clock, told } = proxyOf();
    const began = [proxy.began(), proxy.began()];
    clock.now = 200;
    const failure = new DialError('x', 'proxy');
    proxy.ended(began[0] ?? 0, { hostname: 'api.test', port: 443, encrypted: true }, failure);
    proxy.ended(began[1] ?? 0, { hostname: '::1', port: 80, encrypted: false });
    proxy.ended(0, { hostname: '[::1]', port: 8080, encrypted: false });
    expect(told).to.deep.equal([
      [proxy, 100, 'https://api.test', failure],
      [proxy, 100, 'http://[::1]', undefined],
      [proxy, 0, 'http://[::1]:8080', undefined],
    ]);
  });

  it('opens nothing while it cools down, and says why', () => {
    const { proxy, clock } = proxyOf();
    expect(proxy.refusal()).to.equal(undefined);
    proxy.cooldown.failed({ reason: 'ECONNREFUSED', beganAt: 100 }, 100);
    expect(proxy.refusal()).to.be.instanceOf(DialError);
    expect(proxy.refusal()).to.include({
      reason: 'it is cooling down after ECONNREFUSED',
      concerns: 'proxy',
    });
    clock.now = 1100;
    expect(proxy.refusal()).to.equal(undefined);
  });

  it('shows a cool-down until a probe has succeeded', () => {
    const { proxy } = proxyOf();
    const stateAt = (now: number) => {
      const { state, coolsDownUntil, reason } = proxy.status('api', now);
      return [state, coolsDownUntil, reason];
    };
    proxy.cooldown.begin(100);
    expect(stateAt(100)).to.deep.equal(['probing', undefined, undefined]);
    proxy.cooldown.failed({ reason: 'x', beganAt: 100 }, 100.4);
    expect(stateAt(101)).to.deep.equal(['cooling-down', 1100, 'x']);
    expect(stateAt(1101)).to.deep.equal(['cooling-down', 1100, 'x']);
    proxy.cooldown.begin(1101);
    expect(stateAt(1102)).to.deep.equal(['probing', undefined, 'x']);
    proxy.cooldown.succeeded(1101, 1103);
    proxy.cooldown.reason = undefined;
    expect(stateAt(1104)).to.deep.equal(['ok', undefined, undefined]);
  });

  it('can be closed, whether it was used or not', () => {
    const { proxy } = proxyOf();
    proxy.close();
    proxy.egress(true);
    proxy.close();
  });
});

describe('DialError', () => {
  it('says in a few words what went wrong, and whom it concerns', () => {
    const cause = new Error('below');
    const error = new DialError('ECONNREFUSED', 'target', cause);
    expect(error).to.include({
      code: 'ERR_PROXY_CONNECT',
      reason: 'ECONNREFUSED',
      concerns: 'target',
      cause,
    });
    expect(error.message).to.equal('The egress proxy could not be used: ECONNREFUSED');
  });

  it('blames a proxy for all targets by 401 and 407, and by what is no status', () => {
    const judged = (status: number) => {
      const { reason, concerns } = refusedTunnel(status);
      return [reason, concerns];
    };
    expect(judged(401)).to.deep.equal(['status 401', 'proxy']);
    expect(judged(407)).to.deep.equal(['status 407', 'proxy']);
    for (const status of [100, 403, 502, 999])
      expect(judged(status)).to.deep.equal([`status ${status}`, 'target']);
    for (const status of [0, 99, 1000, Number.NaN]) {
      expect(judged(status)).to.deep.equal(['an unreadable response', 'proxy']);
    }
  });

  it('takes its reason from the code of a socket’s error', () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    expect(unreachable(refused)).to.include({ reason: 'ECONNREFUSED', concerns: 'proxy', cause: refused });
    for (const error of [new Error('x'), { code: 5 }, null, undefined, 'text']) {
      expect(unreachable(error)).to.have.property('reason', 'the connection closed');
    }
    const known = new DialError('x', 'target');
    expect(unreachable(known)).to.equal(known);
  });

  it('leaves what this process lacks as it is: it says nothing about the proxy', () => {
    const exhausted = Object.assign(new Error('x'), { code: 'EMFILE' });
    expect(unreachable(exhausted)).to.equal(exhausted);
  });
});
