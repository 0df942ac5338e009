import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { CacheOptions } from '../../../lib/cache/cache-options.js';
import { call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { startUpstream } from '../../support/upstream.js';
import { apiOf, fileOf, problemsOf } from '../../unit/config/problems-of.js';
import { cached, cacheStatus, openCache, TestClock } from './testing.js';

type Body = object | string;

/** An API that says with 200 how it went. */
async function api(options: CacheOptions, bodies: readonly Body[], headers: Record<string, string> = {}) {
  let count = 0;
  return cached((_req, res) => {
    const body = bodies[Math.min(count++, bodies.length - 1)] ?? '';
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    res.writeHead(200, { 'content-type': 'application/json', ...headers });
    res.end(text);
  }, options);
}

const errors = { failureWhen: { json: '/errors' } };

describe('cache() with failureWhen', () => {
  it('does not store what says at the pointer that it failed', async () => {
    const setup = await api(errors, [{ errors: [{ message: 'no' }] }, { data: 1, errors: [] }]);
    expect(cacheStatus(await setup.get())).to.not.match(/stored/);
    expect((await setup.get()).text).to.equal('{"data":1,"errors":[]}');
    expect(cacheStatus(await setup.get())).to.match(/; hit/);
    expect(setup.handler.counts().notStored).to.deep.equal({ 'failure-when': 1 });
  });

  it('compares with a value, also one that is false', async () => {
    const setup = await api({ failureWhen: { json: '/a~1b/0', equals: false } }, [
      { 'a/b': [false] },
      { 'a/b': [0] },
    ]);
    await setup.get();
    await setup.get();
    expect(cacheStatus(await setup.get())).to.match(/; hit/);
    expect(setup.upstream.requests).to.have.length(2);
  });

  const failure = Buffer.from('{"errors":1}');
  for (const [what, coding, body] of [
    ['a gzip body', 'gzip', gzipSync(failure)],
    ['a body of two codings', 'br, gzip', gzipSync(brotliCompressSync(failure))],
    ['a deflate body', 'deflate', deflateSync(failure)],
    ['a deflate body without its frame', 'deflate', deflateRawSync(failure)],
    ['a body behind a byte order mark', 'identity', Buffer.from('\ufeff{"errors":1}')],
  ] as const) {
    it(`reads ${what}`, async () => {
      const headers = { 'content-type': 'application/json', 'content-encoding': coding };
      const setup = await cached((_req, res) => void res.writeHead(200, headers).end(body), errors);
      await setup.get();
      expect(setup.handler.counts().notStored).to.deep.equal({ 'failure-when': 1 });
    });
  }

  it('stores what is not JSON', async () => {
    for (const [body, type] of [
      ['{"errors":1}', 'text/plain'],
      ['{"errors":', 'application/json'],
      [JSON.stringify({ errors: 'x'.repeat(70_000) }), 'application/json'],
    ] as const) {
      const other = await api(errors, [body], { 'content-type': type });
      await other.get();
      expect(other.handler.counts().entries, type).to.equal(1);
    }
  });

  it('keeps what was stored before a failure', async () => {
    const setup = await api({ ...errors, ttlMs: 1000, staleWhileRevalidateMs: 60_000 }, [
      { data: 1 },
      { errors: 1 },
    ]);
    await setup.get();
    setup.clock.advance(2000);
    expect((await setup.get()).text).to.equal('{"data":1}');
    while (setup.handler.counts().notStored['failure-when'] === undefined)
      await new Promise((resolve) => setImmediate(resolve));
    expect((await setup.get()).text).to.equal('{"data":1}');
  });

  for (const transport of TRANSPORTS)
    it(`serves what is stored in place of a failure, over the ${transport} transport`, async () => {
      const bodies = ['{"data":1}', '{"errors":1}', `{"errors":"${'x'.repeat(70_000)}"}`];
      let count = 0;
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'application/json' }).end(bodies[count++]);
      });
      const clock = new TestClock();
      const { url } = await startForward(
        { target: upstream.url, transport },
        openCache({ ...errors, ttlMs: 1000 }, clock),
      );
      await call(url);
      clock.advance(2000);
      const stale = await call(url);
      expect(stale.text).to.equal('{"data":1}');
      expect(cacheStatus(stale)).to.match(/fwd=stale.*fwd-status=200.*detail=failure-when/);
      expect((await call(url)).text, 'too large to be looked at').to.equal(bodies[2]);
    });

  it('stands in a file as well, where a wrong pointer is refused', () => {
    const { cache } = apiOf('cache: { failureWhen: { json: /ok, equals: false } }').config.apis?.x ?? {};
    expect(cache).to.deep.include({ failureWhen: { json: '/ok', equals: false } });
    expect(problemsOf(fileOf('cache: { failureWhen: { json: ok } }')).join()).to.match(/JSON Pointer/);
  });
});

describe('cache() with storeIf', () => {
  it('stores what the function wants, by head and body', async () => {
    const setup = await api(
      {
        storeIf: ({ status, body }, req) =>
          status === 200 && req.url === '/' && body?.includes('good') === true,
      },
      ['bad', 'good'],
    );
    await setup.get();
    await setup.get();
    expect(cacheStatus(await setup.get())).to.match(/; hit/);
    await setup.get('/other');
    expect(setup.handler.counts()).to.deep.include({ entries: 1, notStored: { 'store-if': 2 } });
  });

  it('stores what was received, whatever the function does to it', async () => {
    const storeIf = ({ rawHeaders, body }: { rawHeaders: string[]; body?: Buffer }) => {
      rawHeaders.push('X-Added', '1');
      body?.fill(0);
      return true;
    };
    const setup = await api({ storeIf: storeIf as never }, ['a']);
    await setup.get();
    const { text, headers } = await setup.get();
    expect([text, headers['x-added']]).to.deep.equal(['a', undefined]);
  });

  it('takes a promise of tags for none, whatever becomes of it', async () => {
    const setup = await api({ tags: (async () => Promise.reject(new Error('no'))) as never }, ['a']);
    await setup.get();
    expect(cacheStatus(await setup.get())).to.match(/; hit/);
    expect(setup.handler.counts()).to.include({ entries: 1, errors: 1 });
  });

  it('takes a promise for no, whatever becomes of it', async () => {
    for (const wanted of [true, new Error('no')]) {
      const storeIf = async () => {
        if (wanted instanceof Error) throw wanted;
        return wanted;
      };
      const setup = await api({ storeIf: storeIf as never }, ['a', 'b']);
      await setup.get();
      expect((await setup.get()).text).to.equal('b');
      expect(setup.handler.counts()).to.deep.include({ entries: 0, errors: 2, notStored: { 'store-if': 2 } });
    }
  });

  it('ends what was stored before, gives no body beyond 64 KiB, and takes a throw for no', async () => {
    const seen: unknown[] = [];
    const setup = await api(
      {
        ttlMs: 1000,
        storeIf: ({ body }) => {
          seen.push(body?.length);
          if (seen.length > 1) throw new Error('no');
          return true;
        },
      },
      ['x'.repeat(70_000), 'short'],
    );
    await setup.get();
    expect(setup.handler.counts().entries).to.equal(1);
    setup.clock.advance(2000);
    await setup.get();
    expect(seen).to.deep.equal([undefined, 5]);
    expect(setup.handler.counts()).to.include({ entries: 0, errors: 1 });
  });
});
