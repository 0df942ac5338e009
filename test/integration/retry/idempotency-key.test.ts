import { expect } from 'chai';
import { parseItem } from 'structured-headers';
import type { RetryOptions } from '../../../lib/index.js';
import { resilientProxy, retry } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, valuesOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { hangUp, json, startUpstream, status, type Upstream } from '../../support/upstream.js';
import { cached, counted, openCache, TestClock } from '../cache/testing.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const QUICK: RetryOptions = { initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false };
const KEYED: RetryOptions = { ...QUICK, idempotencyKey: true };

const keysOf = ({ requests }: Upstream, name = 'idempotency-key') =>
  requests.map(({ rawHeaders }) => valuesOf(rawHeaders, name));

for (const transport of TRANSPORTS) {
  describe(`retry({ idempotencyKey }) over the ${transport} transport`, () => {
    const start = (target: string, options: RetryOptions = KEYED) =>
      startForward({ target, transport }, retry(options));

    it('retries a POST with its body and the same key', async () => {
      const upstream = await startUpstream([status(503), hangUp, json({ done: true })]);
      const { url } = await start(upstream.url);
      const response = await call(url, { method: 'POST', body: 'pay 5' });
      expect(response.json()).to.deep.equal({ done: true });
      expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(Array(3).fill('pay 5'));
      const [first, ...others] = keysOf(upstream);
      expect(first).to.have.length(1);
      expect(first?.[0]).to.match(UUID);
      expect(others).to.deep.equal([first, first]);
    });

    it('gives each call a key of its own', async () => {
      const upstream = await startUpstream(status(201));
      const { url } = await start(upstream.url);
      for (const method of ['POST', 'PATCH', 'POST']) await call(url, { method, body: 'x' });
      const keys = keysOf(upstream).flat();
      expect(keys).to.have.length(3);
      expect(new Set(keys)).to.have.lengthOf(3);
    });

    it('adds no key to methods that are safe to repeat', async () => {
      const upstream = await startUpstream(status(200));
      const { url } = await start(upstream.url);
      for (const method of ['GET', 'PUT', 'DELETE']) await call(url, { method });
      expect(keysOf(upstream)).to.deep.equal([[], [], []]);
    });

    it('keeps the client’s own key as it is, and retries the call with it', async () => {
      const upstream = await startUpstream([status(503), status(201)]);
      const { url } = await start(upstream.url);
      const headers = { 'idempotency-KEY': '"order 7"' };
      expect((await call(url, { method: 'POST', body: 'x', headers })).status).to.equal(201);
      expect(keysOf(upstream)).to.deep.equal([['"order 7"'], ['"order 7"']]);
    });

    it('sends the key to the target whatever headers of the client are forwarded', async () => {
      const upstream = await startUpstream([status(503), status(201), status(201)]);
      const { url } = await startForward(
        { target: upstream.url, transport, forwardHeaders: false },
        retry(KEYED),
      );
      const headers = { 'Idempotency-Key': 'mine' };
      expect((await call(url, { method: 'POST', body: 'x', headers })).status).to.equal(201);
      await call(url, { method: 'POST', body: 'x' });
      expect(keysOf(upstream).slice(0, 2)).to.deep.equal([['mine'], ['mine']]);
      expect(keysOf(upstream)[2]?.[0]).to.match(UUID);
    });

    it('takes no key that is for this connection alone (RFC 9110 §7.6.1)', async () => {
      const upstream = await startUpstream([status(503), status(201)]);
      const { url } = await start(upstream.url);
      const headers = { 'Idempotency-Key': 'mine', Connection: 'close, idempotency-key' };
      expect((await call(url, { method: 'POST', body: 'x', headers })).status).to.equal(201);
      const [first, second] = keysOf(upstream);
      expect(first?.[0]).to.match(UUID);
      expect(second).to.deep.equal(first);
    });

    it('does not retry a call with several keys', async () => {
      const upstream = await startUpstream(status(503));
      const { url } = await start(upstream.url);
      const headers = { 'Idempotency-Key': ['one', 'two'] };
      expect((await call(url, { method: 'POST', body: 'x', headers })).status).to.equal(503);
      expect(upstream.requests).to.have.length(1);
      expect(keysOf(upstream)[0]?.join(', ')).to.equal('one, two');
    });

    it('treats an empty key as none', async () => {
      const upstream = await startUpstream([status(503), status(201)]);
      const { url } = await start(upstream.url);
      expect(
        (await call(url, { method: 'POST', body: 'x', headers: { 'Idempotency-Key': '' } })).status,
      ).to.equal(201);
      const [first, second] = keysOf(upstream);
      expect(first?.[0]).to.match(UUID);
      expect(second).to.deep.equal(first);
    });

    it('passes on at once the response of an API that knows the key already', async () => {
      for (const code of [409, 422]) {
        const upstream = await startUpstream(status(code, { 'x-from': 'the API' }));
        const { url } = await start(upstream.url);
        const response = await call(url, { method: 'POST', body: 'x' });
        expect([response.status, response.lines('x-from')]).to.deep.equal([code, ['the API']]);
        expect(upstream.requests).to.have.length(1);
      }
    });

    it('does not resend a body that was too large to keep', async () => {
      const upstream = await startUpstream(status(503));
      const { url } = await start(upstream.url, { ...KEYED, maxBodyBytes: 10 });
      expect((await call(url, { method: 'POST', body: 'x'.repeat(100) })).status).to.equal(503);
      expect(upstream.requests).to.have.length(1);
    });

    it('uses the header, the methods and the quotes that an API requires', async () => {
      const upstream = await startUpstream([status(503), status(201), status(503)]);
      const idempotencyKey = { header: 'PayPal-Request-Id', methods: ['POST'], quoted: true };
      const { url } = await start(upstream.url, { ...QUICK, idempotencyKey });
      expect((await call(url, { method: 'POST', body: 'x' })).status).to.equal(201);
      expect((await call(url, { method: 'PATCH', body: 'x' })).status).to.equal(503);
      const [first = [], second, third] = keysOf(upstream, 'PayPal-Request-Id');
      expect(parseItem(first[0] ?? '')[0]).to.match(UUID);
      expect([second, third]).to.deep.equal([first, []]);
      expect(keysOf(upstream)).to.deep.equal([[], [], []]);
    });

    it('resends a call with a key at once when a kept connection turns out to be closed', async () => {
      const upstream = await startRawUpstream(async (connection, number) => {
        await connection.heads();
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        if (number > 1) return;
        await connection.heads(2);
        connection.reset();
      });
      const { url } = await start(upstream.url, {
        maxAttempts: 2,
        initialDelayMs: 60_000,
        idempotencyKey: true,
      });
      const post = () => call(url, { method: 'POST', body: 'x' });
      expect((await post()).text).to.equal('ok');
      expect((await post()).text).to.equal('ok');
      expect(upstream.connections.total).to.equal(2);
    });
  });
}

describe('retry({ idempotencyKey })', () => {
  it('is off by default', async () => {
    const upstream = await startUpstream(status(503));
    const { url } = await startForward({ target: upstream.url }, retry(QUICK));
    expect((await call(url, { method: 'POST', body: 'x' })).status).to.equal(503);
    expect(keysOf(upstream)).to.deep.equal([[]]);
  });

  it('goes by the method that the target gets', async () => {
    const upstream = await startUpstream([status(503), status(200)]);
    const { url } = await startForward({ target: upstream.url, method: 'POST' }, retry(KEYED));
    expect((await call(url)).status).to.equal(200);
    const [first, second] = keysOf(upstream);
    expect(first?.[0]).to.match(UUID);
    expect(second).to.deep.equal(first);
  });

  it('keeps the idempotency key out of the cache key', async () => {
    const { upstream, send } = await cached(
      counted(),
      { methods: ['GET', 'POST'], headerStrategy: 'all' },
      { stages: [retry(KEYED)] },
    );
    const bodies = [];
    for (let i = 0; i < 2; i++) bodies.push((await send('POST', '/', { body: 'a question' })).text);
    expect(bodies).to.deep.equal(['answer 1', 'answer 1']);
    expect(keysOf(upstream)).to.have.length(1);
    expect(keysOf(upstream)[0]?.[0]).to.match(UUID);
  });

  it('uses another key than the client’s for a renewal in the background', async () => {
    const clock = new TestClock();
    const upstream = await startUpstream(counted({}, { clock }));
    const stages = [openCache({ methods: ['POST'], ttlMs: 1000, staleWhileRevalidateMs: 60_000 }, clock)];
    const { url } = await startForward({ target: upstream.url }, ...stages, retry(KEYED));
    const ask = () => call(url, { method: 'POST', body: 'q', headers: { 'Idempotency-Key': 'mine' } });
    await ask();
    clock.advance(2000);
    expect((await ask()).text).to.equal('answer 1');
    await until(() => upstream.requests.length === 2);
    const [first, second] = keysOf(upstream);
    expect(first).to.deep.equal(['mine']);
    expect(second).to.have.length(1);
    expect(second?.[0]).to.match(UUID);
  });

  it('is an option of an API, and of the defaults', async () => {
    const upstream = await startUpstream([status(503), status(201)]);
    const proxy = resilientProxy({
      defaults: { retry: { ...QUICK, idempotencyKey: true } },
      apis: { payments: { target: upstream.url, retry: { maxAttempts: 2 } } },
    });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    expect((await call(`${url}/payments/`, { method: 'POST', body: 'x' })).status).to.equal(201);
    expect(new Set(keysOf(upstream).flat())).to.have.lengthOf(1);
  });

  it('refuses invalid options', () => {
    const refused: [unknown, RegExp][] = [
      ['yes', /retry\.idempotencyKey must be true, false or an object of options/],
      [{ header: 'Content-Length' }, /retry\.idempotencyKey\.header must be a header with no other meaning/],
      [{ header: 'a b' }, /retry\.idempotencyKey\.header must be a header name/],
      [{ methods: ['post'] }, /retry\.idempotencyKey\.methods\[0\] must be a method in capitals/],
      [{ methods: [] }, /retry\.idempotencyKey\.methods must be at least 1 entries/],
      [{ quotes: true }, /retry\.idempotencyKey\.quotes is not an option of retry\.idempotencyKey .*quoted/],
    ];
    for (const [idempotencyKey, message] of refused) {
      expect(() => retry({ idempotencyKey } as RetryOptions)).to.throw(message);
    }
  });
});
