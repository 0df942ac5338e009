import { expect } from 'chai';
import { ProxyError } from '../../../lib/core/errors.js';
import { DialError } from '../../../lib/proxy-rotate/dial-error.js';
import { fakeTimers } from '../../support/fake-timers.js';
import {
  ABANDONED,
  failure,
  NOW,
  proxyOf,
  TARGET,
  type ToyAttempt,
  ToyRotation,
  toyCall,
} from './toy-rotation.js';

const flush = () => new Promise((resolve) => setImmediate(resolve));
const ways = (toy: ToyRotation, count: number) =>
  Array.from({ length: count }, () => {
    const used = toy.attempt();
    used.respond(200);
    return used.way;
  });

describe('Rotation', () => {
  it('takes the proxies in turn', () => {
    expect(ways(new ToyRotation(3).proven(3), 5)).to.deep.equal(['p0', 'p1', 'p2', 'p0', 'p1']);
  });

  it('takes none that has failed for the call', () => {
    const toy = new ToyRotation(3).proven(3);
    expect(toy.attempt(toyCall(), new Set(['p0', 'p1'])).way).to.equal('p2');
    const { chosen } = toy.attempt(toyCall(), new Set(['p0', 'p1', 'p2']));
    expect(chosen).to.be.instanceOf(ProxyError).and.have.nested.property('headers.Retry-After', '1');
    expect(toy.told).to.deep.equal(['exhausted api https://api.test 1000 false']);
  });

  it('takes the least used, with the strategy of that name', () => {
    const toy = new ToyRotation(2, { strategy: 'least_used' }).proven(2);
    const [a, b, c] = [toy.attempt(), toy.attempt(), toy.attempt()];
    expect([a, b, c].map(({ way }) => way)).to.deep.equal(['p0', 'p1', 'p0']);
    b.respond(200);
    expect(toy.attempt().way).to.equal('p1');
  });

  it('keeps calls of one key together, with the strategy "sticky"', () => {
    const asked: unknown[] = [];
    const stickyKey = ({ url }: { url?: string | undefined }): string => {
      asked.push(url);
      return url ?? '';
    };
    const toy = new ToyRotation(4, { strategy: 'sticky', stickyKey }).proven(0);
    const place = (url: string): string => {
      const call = toyCall();
      call.req.url = url;
      const used = toy.attempt(call);
      used.respond(200);
      const again = toy.attempt(call, new Set(), TARGET, used.route);
      again.respond(200);
      expect(again.way).to.equal(used.way);
      return used.way;
    };
    const keys = Array.from({ length: 40 }, (_, i) => `/${i}`);
    const places = keys.map(place);
    expect(new Set(places)).to.have.lengthOf(4);
    expect(keys.map(place)).to.deep.equal(places);
    // Once for each call, not for each attempt.
    expect(asked).to.have.length(80);
  });

  it('refuses a key that is a promise', () => {
    const stickyKey = (() => Promise.resolve('a')) as unknown as () => string;
    const toy = new ToyRotation(2, { strategy: 'sticky', stickyKey });
    expect(() => toy.attempt()).to.throw('must return a string');
  });

  it('keeps those of one client together where no key is given', () => {
    const toy = new ToyRotation(4, { strategy: 'sticky' });
    const from = (address: string | undefined): string => {
      const call = toyCall();
      Object.defineProperty(call.req.socket, 'remoteAddress', { value: address });
      const used = toy.attempt(call);
      used.respond(200);
      return used.way;
    };
    const places = Array.from({ length: 20 }, (_, i) => from(`10.0.0.${i}`));
    expect(new Set(places).size).to.be.above(1);
    expect(from('10.0.0.3')).to.equal(places[3]);
    expect(from(undefined)).to.equal(from(undefined));
  });

  it('refuses calls where there are no proxies, with "sticky" too', () => {
    for (const strategy of ['round_robin', 'sticky', 'least_used'] as const) {
      expect(new ToyRotation(0, { strategy }).attempt().way).to.equal('ERR_NO_PROXY');
    }
  });

  it('sends calls directly to targets on its list, which it does not count', () => {
    const toy = new ToyRotation(1, { noProxy: ['api.test'] });
    const used = toy.attempt();
    expect(used.way).to.equal('direct');
    used.respond(429);
    expect(toy.attempt().way).to.equal('direct');
    expect(toy.told).to.deep.equal([]);
    expect(toy.attempt(toyCall(), new Set(), { origin: 'https://other.test' }).way).to.equal('p0');
  });

  it('sends them directly where no proxy is left and that is wanted', () => {
    const toy = new ToyRotation(1, { fallback: 'direct' }).proven(1);
    const used = toy.attempt(toyCall(), new Set(['p0']));
    expect(used.way).to.equal('direct');
    used.respond(429);
    expect(toy.told).to.deep.equal(['exhausted api https://api.test 1000 true']);
    expect(toy.attempt().way).to.equal('p0');
  });

  it('goes through a tunnel to an encrypted target, and for an upgrade', () => {
    const toy = new ToyRotation(1, { tunnel: false }).proven(1);
    const formOf = (origin: string, tunnel: boolean) => {
      const { chosen } = toy.attempt(toyCall({ tunnel }), new Set(), { origin });
      return typeof chosen === 'object' && 'absoluteForm' in chosen
        ? chosen.absoluteForm !== undefined
        : chosen;
    };
    expect(formOf('http://api.test', false)).to.equal(true);
    expect(formOf('http://api.test', true)).to.equal(false);
    expect(formOf('https://api.test', false)).to.equal(false);
  });

  it('refuses calls once it is closed', () => {
    const toy = new ToyRotation(1, { noProxy: ['api.test'], fallback: 'direct' });
    toy.rotation.close();
    const used = toy.attempt();
    expect(used.way).to.equal('ERR_SHUTTING_DOWN');
    expect((used.chosen as ProxyError).message).to.equal('The proxy is shutting down');
    expect(used.route.lane).to.equal(undefined);
  });

  it('counts attempts, and those under way', () => {
    const toy = new ToyRotation(2).proven(2);
    const [used] = [toy.attempt(), toy.attempt()];
    const counts = () => toy.status().map(({ name, attempts, active }) => [name, attempts, active]);
    expect(counts()).to.deep.equal([
      ['p0', 2, 1],
      ['p1', 2, 1],
    ]);
    used.end(ABANDONED);
    used.end(ABANDONED);
    expect(counts()[0]).to.deep.equal(['p0', 2, 0]);
  });

  it('has no permit for a call that is refused', () => {
    const toy = new ToyRotation(0);
    const { route } = toy.attempt();
    expect(route.admit()).to.equal(undefined);
  });
});

describe('Rotation and a proxy that fails', () => {
  it('lets it cool down for all targets, and takes the others', () => {
    const toy = new ToyRotation(2).proven(2);
    toy.attempt().end(failure('egress'));
    expect(toy.told).to.deep.equal(['cooldown api p0  (status 407) 30000']);
    expect(ways(toy, 3)).to.deep.equal(['p1', 'p1', 'p1']);
    expect(toy.status()[0]).to.deep.include({
      ...{ api: 'api', name: 'p0', address: 'http://h:1', state: 'cooling-down', successes: 1 },
      ...{ coolsDownUntil: NOW + 30_000, reason: 'status 407', failures: 1, attempts: 2, active: 0 },
    });
  });

  it('blames it for nothing else', () => {
    const toy = new ToyRotation(1).proven(1);
    for (const outcome of [failure('target'), failure('self'), ABANDONED]) toy.attempt().end(outcome);
    const dialled = toy.attempt();
    dialled.end(failure('egress', new DialError('ECONNREFUSED', 'proxy')));
    expect(toy.told).to.deep.equal([]);
    expect(toy.attempt().way).to.equal('p0');
  });

  it('blames it for a dial that failed, as of when that began', () => {
    const toy = new ToyRotation(1).proven(1);
    const used = toy.attempt();
    toy.now += 100;
    toy.rotation.dialEnded(proxyOf(used), NOW, TARGET.origin, new DialError('ECONNREFUSED', 'proxy'));
    // Of a dial that began before it cooled down.
    toy.rotation.dialEnded(proxyOf(used), NOW + 50, TARGET.origin, new DialError('ETIMEDOUT', 'proxy'));
    expect(toy.told).to.deep.equal(['cooldown api p0  (ECONNREFUSED) 30000']);
    expect(toy.status()[0]).to.include({ coolsDownUntil: NOW + 30_100, reason: 'ECONNREFUSED' });
  });

  const unreached = (toy: ToyRotation, used: ToyAttempt, reason = 'status 502', beganAt = toy.now) => {
    const error = new DialError(reason, 'target');
    toy.rotation.dialEnded(proxyOf(used), beganAt, TARGET.origin, error);
    used.end(failure('egress', error));
    return error;
  };

  it('leaves it out for a target alone that others can reach', () => {
    const toy = new ToyRotation(2).proven(2);
    unreached(toy, toy.attempt());
    // Nobody knows yet whether another can.
    expect(toy.told).to.deep.equal([]);
    const second = toy.attempt();
    expect(second.way).to.equal('p1');
    second.respond(200);
    expect(toy.told).to.deep.equal(['cooldown api p0 https://api.test (status 502) 30000']);
    expect(ways(toy, 2)).to.deep.equal(['p1', 'p1']);
    expect(toy.attempt(toyCall(), new Set(['p1']), { origin: 'https://other.test' }).way).to.equal('p0');
    expect(toy.status()[0]).to.include({
      state: 'cooling-down',
      reason: 'status 502',
      coolsDownUntil: NOW + 30_000,
    });
  });

  it('is not convinced by a response to what was sent before', () => {
    const toy = new ToyRotation(2).proven(2);
    const early = toy.attempt();
    toy.now += 10;
    unreached(toy, toy.attempt());
    early.respond(200);
    expect(toy.told).to.deep.equal([]);
  });

  it('blames none for a target that none can reach', () => {
    const toy = new ToyRotation(2).proven(2);
    const call = toyCall();
    const first = toy.attempt(call);
    const error = unreached(toy, first);
    const tried = new Set(['p0']);
    expect(first.route.failed(call, error, tried, TARGET)).to.equal(undefined);
    const second = toy.attempt(call, tried, TARGET, first.route);
    expect(second.way).to.equal('p1');
    const last = unreached(toy, second, 'status 504');
    const verdict = first.route.failed(call, last, tried.add('p1'), TARGET);
    expect(verdict).to.include({ code: 'ETIMEDOUT', cause: last });
    expect(toy.told).to.deep.equal([]);
    expect(toy.status().map(({ state }) => state)).to.deep.equal(['ok', 'ok']);
    expect(ways(toy, 2)).to.deep.equal(['p0', 'p1']);
  });

  it('tries no more proxies for one call than it may', () => {
    const toy = new ToyRotation(9, { maxProxiesPerCall: 3 }).proven(9);
    const call = toyCall();
    const tried = new Set<string>();
    let verdict: Error | undefined;
    while (!verdict) {
      const used = toy.attempt(call, tried);
      verdict = used.route.failed(call, unreached(toy, used), tried.add(used.way), TARGET);
    }
    expect(tried.size).to.equal(3);
    expect(verdict).to.include({ code: 'EHOSTUNREACH' });
    const broken = toy.attempt(call);
    const error = new DialError('ECONNREFUSED', 'proxy');
    expect(broken.route.failed(call, error, new Set(['p1', 'p2']), TARGET)).to.equal(undefined);
    expect(broken.route.failed(call, error, tried, TARGET)).to.equal(error);
  });

  it('lets one cool down that breaks off connections far more often than the others', () => {
    const toy = new ToyRotation(3).proven(3);
    const broken = failure('target', new ProxyError('ERR_UPSTREAM_RESET', 'x'));
    for (let i = 0; i < 30; i++) {
      const used = toy.attempt();
      // One call in three.
      if (used.way === 'p1' && i % 9 === 1) used.end(broken);
      else used.respond(200);
    }
    expect(toy.told).to.deep.equal([
      'cooldown api p1 https://api.test (breaks off connections to api.test) 30000',
    ]);
  });

  it('lets one cool down whose responses break off far more often than those of the others', () => {
    const toy = new ToyRotation(3).proven(3);
    const broken = failure('target', new ProxyError('ERR_UPSTREAM_RESET', 'x'));
    const left = failure('client', new ProxyError('ERR_UPSTREAM_RESET', 'x', { by: 'client' }));
    for (let i = 0; i < 30; i++) {
      const used = toy.attempt();
      if (used.way === 'p1') used.breakOff(broken);
      else used.breakOff(left);
    }
    expect(toy.told).to.deep.equal([
      'cooldown api p1 https://api.test (breaks off connections to api.test) 30000',
    ]);
  });

  it('lets one cool down through which far more requests get no response in time', () => {
    const toy = new ToyRotation(3).proven(3);
    const late = failure('target', new ProxyError('ERR_UPSTREAM_TIMEOUT', 'x'));
    for (let i = 0; i < 30; i++) {
      const used = toy.attempt();
      if (used.way === 'p1') used.end(late);
      else used.respond(200);
    }
    expect(toy.told).to.deep.equal([
      'cooldown api p1 https://api.test (gets no responses in time from api.test) 30000',
    ]);
  });

  for (const proxies of [1, 3, 10]) {
    it(`lets none of ${proxies} cool down in an outage of a target that worked for long`, () => {
      const toy = new ToyRotation(proxies).proven(proxies);
      const broken = failure('target', new ProxyError('ERR_UPSTREAM_RESET', 'x'));
      for (let outage = 0; outage < 20; outage++) {
        for (let i = 0; i < 300; i++) toy.attempt().respond(200);
        for (let i = 0; i < 100; i++) toy.attempt().end(broken);
      }
      expect(toy.told).to.deep.equal([]);
    });
  }

  it('compares anew after many requests, whatever was long ago', () => {
    const toy = new ToyRotation(2).proven(2);
    const broken = failure('target', new ProxyError('ERR_UPSTREAM_RESET', 'x'));
    const fail = (way: string) => {
      let used = toy.attempt();
      while (used.way !== way) {
        used.respond(200);
        used = toy.attempt();
      }
      used.end(broken);
    };
    for (let round = 0; round < 3; round++) {
      fail('p0');
      fail('p0');
      for (let i = 0; i < 2000; i++) toy.attempt().respond(200);
    }
    expect(toy.told).to.deep.equal([]);
    for (let i = 0; i < 3; i++) fail('p0');
    expect(toy.told).to.have.length(1);
  });

  it('lets none cool down for a target that breaks off connections through all of them', () => {
    const toy = new ToyRotation(3).proven(3);
    const broken = failure('target', new ProxyError('ERR_UPSTREAM_RESET', 'x'));
    for (let i = 0; i < 300; i++) {
      const used = toy.attempt();
      if (i % 7 === 1) used.end(broken);
      else used.respond(200);
    }
    expect(toy.told).to.deep.equal([]);
  });

  it('prefers another proxy after one that broke off, with "sticky" too', () => {
    const toy = new ToyRotation(2, { strategy: 'sticky', stickyKey: () => 'a' }).proven(0);
    const first = toy.attempt();
    first.end(failure('target', new ProxyError('ERR_UPSTREAM_RESET', 'x')));
    const second = toy.attempt(toyCall(), new Set(), TARGET, first.route);
    expect(second.way).to.not.equal(first.way);
  });

  it('says when the first of them will be tried again', () => {
    const toy = new ToyRotation(2).proven(2);
    toy.attempt().end(failure('egress'));
    toy.now += 1500;
    toy.attempt().end(failure('egress'));
    const { chosen } = toy.attempt();
    expect(chosen).to.have.nested.property('headers.Retry-After', '29');
    expect(toy.told.at(-1)).to.equal('exhausted api https://api.test 28500 false');
    toy.now += 28_499;
    expect(toy.attempt().chosen).to.have.nested.property('headers.Retry-After', '1');
    expect(toy.told.at(-1)).to.equal('exhausted api https://api.test 1000 false');
  });

  it('has it back when its probe has worked', () => {
    const toy = new ToyRotation(1).proven(1);
    toy.attempt().end(failure('egress'));
    toy.now += 30_000;
    const probe = toy.attempt();
    expect(probe.way).to.equal('p0');
    expect(probe.route.probe).to.equal(true);
    probe.respond(200);
    expect(toy.told.at(-1)).to.equal('recovered api p0 ');
    expect(toy.status()[0]).to.include({ state: 'ok', reason: undefined, failures: 0 });
    expect(toy.attempt().route.probe).to.equal(false);
  });

  it('lets it cool down for twice as long where its probe fails', () => {
    const toy = new ToyRotation(1).proven(1);
    toy.attempt().end(failure('egress'));
    toy.now += 30_000;
    toy.attempt().end(failure('egress'));
    expect(toy.told.at(-1)).to.equal('cooldown api p0  (status 407) 60000');
  });

  it('tells nobody where nobody listens', () => {
    const toy = new ToyRotation(1, {}, false);
    toy.attempt().end(failure('egress'));
    expect(toy.attempt().way).to.equal('ERR_NO_PROXY');
    toy.now += 30_000;
    toy.attempt().respond(200);
    expect(toy.status()[0]).to.include({ state: 'ok' });
  });

  it('says nothing of the first use of a proxy', () => {
    const toy = new ToyRotation(1);
    toy.attempt().respond(200);
    expect(toy.told).to.deep.equal([]);
  });
});

describe('Rotation and a target that limits', () => {
  it('leaves out the proxy for that target, for as long as it says', () => {
    const toy = new ToyRotation(2).proven(2);
    toy.attempt().respond(429, 'Retry-After', '7');
    expect(toy.told).to.deep.equal(['cooldown api p0 https://api.test (status 429 of api.test) 7000']);
    expect(ways(toy, 2)).to.deep.equal(['p1', 'p1']);
    const other = { origin: 'https://other.test' };
    expect(toy.attempt(toyCall(), new Set(['p1']), other).way).to.equal('p0');
    toy.now += 7000;
    const probe = toy.attempt(toyCall(), new Set(['p1']));
    expect([probe.way, probe.route.probe]).to.deep.equal(['p0', true]);
    probe.respond(200);
    expect(toy.told.at(-1)).to.equal('recovered api p0 https://api.test');
    expect(toy.status()[0]).to.include({ state: 'ok', reason: undefined });
  });

  it('leaves it out at once, whatever failures are allowed', () => {
    const toy = new ToyRotation(1, { maxFailures: 5 }).proven(1);
    toy.attempt().respond(429);
    expect(toy.told).to.deep.equal(['cooldown api p0 https://api.test (status 429 of api.test) 30000']);
  });

  it('goes by the statuses that it was given', () => {
    const toy = new ToyRotation(1, { cooldownOnStatus: [403] }).proven(1);
    toy.attempt().respond(429);
    expect(toy.told).to.deep.equal([]);
    toy.attempt().respond(403);
    expect(toy.told).to.have.length(1);
  });

  it('shows the longest of what a proxy has to wait for', () => {
    const toy = new ToyRotation(1).proven(1);
    for (const [i, seconds] of [5, 9, 7].entries()) {
      toy
        .attempt(toyCall(), new Set(), { origin: `https://t${i}.test` })
        .respond(429, 'Retry-After', `${seconds}`);
    }
    expect(toy.status()[0]).to.include({
      state: 'cooling-down',
      coolsDownUntil: NOW + 9000,
      reason: 'status 429 of t1.test',
    });
    toy.now += 8000;
    expect(toy.status()[0]).to.include({ reason: 'status 429 of t1.test' });
  });
});

describe('Rotation with the strategy "on_rate_limit"', () => {
  const toyOf = () => new ToyRotation(1, { strategy: 'on_rate_limit' });

  it('calls directly until the target limits, then through a proxy, and directly again', () => {
    const toy = toyOf();
    const direct = toy.attempt();
    expect(direct.way).to.equal('direct');
    direct.respond(429, 'Retry-After', '5');
    expect(toy.told).to.deep.equal(['cooldown api  https://api.test (status 429 of api.test) 5000']);
    const through = toy.attempt();
    expect(through.way).to.equal('p0');
    through.respond(200);
    expect(toy.status()[0]).to.deep.include({
      ...{ api: 'api', name: 'direct', address: undefined, state: 'cooling-down', failures: 0 },
      ...{ coolsDownUntil: NOW + 5000, reason: 'status 429 of api.test', attempts: 1, active: 0 },
    });
    toy.now += 5000;
    const probe = toy.attempt();
    expect([probe.way, probe.route.probe]).to.deep.equal(['direct', true]);
    expect(toy.attempt().way).to.equal('p0');
    probe.respond(200);
    expect(toy.told.at(-1)).to.equal('recovered api  https://api.test');
    expect(toy.attempt().way).to.equal('direct');
    expect(toy.status()[0]).to.deep.include({
      ...{ api: 'api', name: 'direct', address: undefined, state: 'ok', failures: 0, successes: 1 },
      ...{ coolsDownUntil: undefined, reason: undefined, attempts: 3, active: 1 },
    });
  });

  it('keeps targets apart', () => {
    const toy = toyOf();
    toy.attempt().respond(429);
    expect(toy.attempt(toyCall(), new Set(), { origin: 'https://other.test' }).way).to.equal('direct');
  });

  it('goes through a proxy while a learned limit of the direct way is exhausted', () => {
    const toy = toyOf();
    const call = toyCall({ limits: [{}, { readyAt: (egress) => (egress ? 0 : Date.now() + 60_000) }] });
    expect(toy.attempt(call).way).to.equal('p0');
    const over = toyCall({ limits: [{ readyAt: () => Date.now() - 1 }] });
    expect(toy.attempt(over).way).to.equal('direct');
  });

  it('makes room for another probe where one has told nothing', () => {
    const toy = toyOf();
    toy.attempt().respond(429, 'Retry-After', '5');
    toy.now += 5000;
    const probe = toy.attempt();
    expect(toy.attempt().way).to.equal('p0');
    probe.end(ABANDONED);
    expect(toy.attempt().way).to.equal('direct');
  });

  it('lists the direct way with that strategy alone', () => {
    expect(new ToyRotation(1).status().map(({ name }) => name)).to.deep.equal(['p0']);
    expect(
      toyOf()
        .status()
        .map(({ name }) => name),
    ).to.deep.equal(['direct', 'p0']);
  });
});

describe('Rotation whose proxies are being probed', () => {
  it('waits for the end of the probe, and takes the proxy that has worked', async () => {
    fakeTimers();
    const toy = new ToyRotation(1);
    const probe = toy.attempt();
    expect(toy.status()[0]).to.include({ state: 'probing' });
    toy.now += 10;
    const waiting = toy.later();
    await flush();
    toy.now += 10;
    toy.rotation.dialEnded(proxyOf(probe), NOW, TARGET.origin, undefined);
    const used = await waiting;
    expect(used.way).to.equal('p0');
    expect(used.route).to.include({ chosenAt: NOW + 20, probe: false });
  });

  it('is refused where the probe fails', async () => {
    fakeTimers();
    const toy = new ToyRotation(1);
    const probe = toy.attempt();
    const waiting = toy.later();
    toy.rotation.dialEnded(proxyOf(probe), NOW, TARGET.origin, new DialError('ECONNREFUSED', 'proxy'));
    expect((await waiting).way).to.equal('ERR_NO_PROXY');
    expect(toy.told).to.deep.equal([
      'cooldown api p0  (ECONNREFUSED) 30000',
      'exhausted api https://api.test 30000 false',
    ]);
  });

  it('becomes the probe where the client of that one has left', async () => {
    fakeTimers();
    const toy = new ToyRotation(1);
    const probe = toy.attempt();
    const waiting = toy.later();
    probe.end(ABANDONED);
    const used = await waiting;
    expect([used.way, used.route.probe]).to.deep.equal(['p0', true]);
  });

  it('gives no proxy to a call whose client has left meanwhile', async () => {
    fakeTimers();
    const toy = new ToyRotation(1);
    const probe = toy.attempt();
    const call = toyCall();
    const left = toy.later(call);
    const other = toy.later();
    call.abandoned = true;
    probe.end(ABANDONED);
    expect((await left).way).to.equal('ERR_SHUTTING_DOWN');
    expect((await left).route.probe).to.equal(false);
    expect((await other).way).to.equal('p0');
  });

  it('waits for as long as a connection may take, and again while there is time', async () => {
    const timers = fakeTimers();
    const toy = new ToyRotation(1, { connectTimeoutMs: 700 });
    toy.attempt();
    const waiting = toy.later();
    expect([...timers.waiting.values()].map(({ ms }) => ms)).to.deep.equal([700]);
    toy.now += 699;
    timers.runNext();
    await flush();
    expect([...timers.waiting.values()].map(({ ms }) => ms)).to.deep.equal([1]);
    toy.now += 1;
    timers.runNext();
    expect((await waiting).chosen).to.have.nested.property('headers.Retry-After', '1');
    expect(toy.told.at(-1)).to.equal('exhausted api https://api.test 1000 false');
  });

  it('is refused when it is closed', async () => {
    const timers = fakeTimers();
    const toy = new ToyRotation(1);
    toy.attempt();
    const waiting = toy.later();
    toy.rotation.close();
    expect((await waiting).way).to.equal('ERR_SHUTTING_DOWN');
    expect(timers.waiting.size).to.equal(0);
  });

  it('takes another that is not', () => {
    const toy = new ToyRotation(2);
    expect([toy.attempt().way, toy.attempt().way]).to.deep.equal(['p0', 'p1']);
  });

  it('makes room for another after twice the time of a connection', () => {
    const toy = new ToyRotation(1, { connectTimeoutMs: 700 });
    toy.attempt();
    toy.now += 1399;
    expect(() => toy.attempt()).to.throw('It has to wait');
    toy.now += 1;
    expect(toy.attempt().route.probe).to.equal(true);
  });
});

describe('Rotation#resume()', () => {
  it('keeps what is known of proxies that stay, and nothing of others', () => {
    const before = new ToyRotation(2).proven(2);
    before.attempt().respond(429, 'Retry-After', '60');
    before.attempt().end(failure('egress'));
    const after = new ToyRotation(3);
    after.rotation.resume(before.rotation);
    expect(after.status().map(({ state, reason, attempts }) => [state, reason, attempts])).to.deep.equal([
      ['cooling-down', 'status 429 of api.test', 2],
      ['cooling-down', 'status 407', 2],
      ['ok', undefined, 0],
    ]);
    expect(after.attempt().way).to.equal('p2');
    const others = new ToyRotation(0, { proxies: [{ url: 'http://u:p@h:1', name: 'p0' }] });
    others.rotation.resume(before.rotation);
    expect(others.attempt().way).to.equal('p0');
  });

  it('keeps a direct connection that a target has limited', () => {
    const before = new ToyRotation(1, { strategy: 'on_rate_limit' });
    before.attempt().respond(429, 'Retry-After', '60');
    const after = new ToyRotation(1, { strategy: 'on_rate_limit' });
    after.rotation.resume(before.rotation);
    expect(after.attempt().way).to.equal('p0');
  });
});
