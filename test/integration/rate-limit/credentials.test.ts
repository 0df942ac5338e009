import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';
import { learning, opened } from './testing.js';

describe('rateLimit() and credentials', () => {
  it('adds credentialHeaders to the well-known ones', async () => {
    const script = [status(429, { 'Retry-After': '30' }), status(200)];
    const { gets, upstream } = await learning(script, { credentialHeaders: ['X-Tenant'] });
    const first = { 'x-tenant': 'a', authorization: 'one' };
    expect(await gets(2, first)).to.deep.equal([429, 429]);
    expect(upstream.requests).to.have.length(1);
    expect(await gets(1, { ...first, authorization: 'other' })).to.deep.equal([200]);
    expect(await gets(1, { ...first, 'x-tenant': 'b' })).to.deep.equal([200]);
    for (const name of ['cookie', 'x-api-key', 'api-key', 'x-auth-token']) {
      expect(await gets(1, { ...first, [name]: 'x' }), name).to.deep.equal([200]);
    }
  });

  it('leaves out well-known headers of an API that do not reach the target', async () => {
    const upstream = await startUpstream([status(429, { 'Retry-After': '30' }), status(200)]);
    const proxy = resilientProxy({
      name: 'weather',
      target: upstream.url,
      headers: { 'X-API-Key': 'ours' },
      forwardCookies: false,
      rateLimit: { credentialHeaders: ['X-Tenant'] },
      retry: false,
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    const statusFor = async (headers: Record<string, string>) =>
      (await call(url, { headers: { 'x-tenant': 'a', ...headers } })).status;
    expect(await statusFor({ 'x-api-key': 'one', cookie: 'a=1' })).to.equal(429);
    expect(await statusFor({ 'x-api-key': 'two', cookie: 'a=2' })).to.equal(429);
    // The key is the gateway's: whatever else a client makes up gets no limit of its own.
    expect(await statusFor({ authorization: 'one' })).to.equal(429);
    expect(upstream.requests).to.have.length(1);
    expect(await statusFor({ 'x-tenant': 'b' })).to.equal(200);
  });

  for (const [sharedLimit, headers, expected] of [
    [undefined, {}, 200],
    [true, {}, 429],
    [undefined, { 'X-API-Key': 'ours' }, 429],
    [false, { 'X-API-Key': 'ours' }, 200],
  ] as const)
    it(`has ${expected} for another credential, sharedLimit ${sharedLimit}, injected ${Object.keys(headers)}`, async () => {
      const upstream = await startUpstream([status(429, { 'Retry-After': '30' }), status(200)]);
      const rateLimit = sharedLimit === undefined ? {} : { sharedLimit };
      const proxy = resilientProxy({ name: 'x', target: upstream.url, headers, rateLimit, retry: false });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      await call(`${url}/a`, { headers: { authorization: 'one' } });
      expect((await call(`${url}/a`, { headers: { authorization: 'two' } })).status).to.equal(expected);
    });

  it('keeps a limit for each key in the query, and none for other parameters', async () => {
    const response: UpstreamResponse = (req, res) => {
      const limited = req.url?.includes('appid=greedy');
      res.writeHead(limited ? 429 : 200, limited ? { 'Retry-After': '30' } : {}).end();
    };
    const { url, upstream } = await learning(response);
    const get = async (query: string) => (await call(`${url}/weather?${query}`)).status;
    expect(await get('appid=greedy&page_token=1')).to.equal(429);
    expect(await get('q=Berlin&appid=greedy&page_token=2')).to.equal(429);
    expect(upstream.requests).to.have.length(1);
    expect(await get('appid=modest')).to.equal(200);
    expect(await get('q=Berlin')).to.equal(200);
  });
});

describe('rateLimit() behind a circuit', () => {
  it('refuses calls that wait as soon as the circuit opens', async () => {
    let fail: (() => void) | undefined;
    const upstream = await startUpstream((_req, res) => {
      fail = () => res.writeHead(500).end();
    });
    const limiter = opened({ limit: 1, windowMs: 60_000, onLimit: 'queue', maxWaitMs: 60_000 });
    const circuit = breaker({ failureThreshold: 1 });
    onCleanup(() => circuit.close());
    const { url } = await startForward({ target: upstream.url }, circuit, limiter);
    let queued = 0;
    limiter.on('queued', () => queued++);
    const first = call(url);
    await until(() => fail !== undefined, 'the first call');
    const others = Array.from({ length: 3 }, () => call(url));
    await until(() => queued === 3, 'three calls to wait');
    fail?.();
    expect((await first).status).to.equal(500);
    for (const response of await Promise.all(others))
      expect(response.json()).to.include({ code: 'ERR_CIRCUIT_OPEN' });
    expect(upstream.requests).to.have.length(1);
  });
});
