import type { IncomingMessage } from 'node:http';
import { createServer, get } from 'node:https';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import express, { type Express } from 'express';
import { cache } from '../../../lib/cache/cache.js';
import type { CacheOptions } from '../../../lib/cache/cache-options.js';
import { exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { serve, serveApp } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { cacheStatus, openCache, TestClock } from './testing.js';

/** A cache in front of one Express handler that counts its requests. */
async function inFrontOf(handler: (app: Express, calls: () => number) => void, options: CacheOptions = {}) {
  const clock = new TestClock();
  // Otherwise its last error handler writes to the console.
  const app = express().set('env', 'test');
  const front = cache(options, undefined, clock.now);
  let calls = 0;
  app.use(front, (_req, _res, next) => {
    calls++;
    next();
  });
  handler(app, () => calls);
  const { url } = await serveApp(app);
  return { url, clock, calls: () => calls, front };
}

describe('cache() in front of any handler', () => {
  it('stores the Vary of a response beside a Vary that the application has set before', async () => {
    const upstream = await startUpstream((req, res) => {
      const { 'accept-language': language } = req.headers;
      res.writeHead(200, { vary: 'accept-language' }).end(language);
    });
    const application: Handler = (_req, res, next) => {
      res.setHeader('Vary', ['Origin']);
      next();
    };
    const { url } = await startForward({ target: upstream.url }, application, openCache({}));
    const ask = async (language: string) =>
      (await call(url, { headers: { 'accept-language': language } })).text;
    expect([await ask('de'), await ask('fr'), await ask('de')]).to.deep.equal(['de', 'fr', 'de']);
    expect(upstream.requests).to.have.length(2);
  });

  for (const [how, handler] of Object.entries<Handler>({
    'writeHead and end': (_req, res) => {
      res.writeHead(200, 'Fine', { 'X-Kind': ['a', 'b'] }).end('body');
    },
    'a flat list of headers': (_req, res) => {
      res.writeHead(200, 'Fine', ['X-Kind', 'a', 'X-Kind', 'b']).end('body');
    },
    'headers set one by one': (_req, res) => {
      res.statusMessage = 'Fine';
      res.setHeader('X-Kind', ['a', 'b']);
      res.end('body');
    },
    'several writes of text': (_req, res) => {
      res.setHeader('X-Kind', ['a', 'b']);
      res.statusMessage = 'Fine';
      res.flushHeaders();
      res.write('bo');
      res.write(Buffer.from('dy').toString('hex'), 'hex', () => res.end());
    },
    'a stream': (_req, res) => {
      res.setHeader('X-Kind', ['a', 'b']);
      res.statusMessage = 'Fine';
      Readable.from([Buffer.from('bo'), Buffer.from('dy')]).pipe(res);
    },
  })) {
    it(`stores a response sent by ${how}`, async () => {
      let calls = 0;
      const front = cache();
      const { url } = await serve((req, res, next) =>
        front(req, res, () => {
          calls++;
          handler(req, res, next);
        }),
      );
      const [first, second] = [await call(url), await call(url)];
      expect(cacheStatus(second)).to.match(/; hit/);
      expect(calls).to.equal(1);
      for (const got of [first, second]) {
        expect([got.status, got.statusMessage, got.text]).to.deep.equal([200, 'Fine', 'body']);
        expect(got.lines('x-kind')).to.deep.equal(['a', 'b']);
      }
    });
  }

  it("leaves Node's own Content-Length to a body given in one piece", async () => {
    const front = cache();
    const { url } = await serve((req, res, next) =>
      front(req, res, (e) => (e ? next(e) : void res.end('näh'))),
    );
    const [first, second] = [await call(url), await call(url)];
    expect(first.headers['content-length']).to.equal('4');
    expect(first.headers['transfer-encoding']).to.equal(undefined);
    expect([second.text, second.headers['content-length']]).to.deep.equal(['näh', '4']);
  });

  it('works in Express, and does not store headers set before it for another client', async () => {
    const app = express();
    let calls = 0;
    app.use((req, res, next) => {
      res
        .set('X-For', String(req.headers['x-me']))
        .vary('Origin')
        .append('Set-Cookie', `me=${req.headers['x-me']}`);
      next();
    });
    app.use(cache(), (_req, res) => {
      calls++;
      res.vary('Accept').json({ calls });
    });
    const { url } = await serveApp(app);
    const first = await call(url, { headers: { 'x-me': 'a' } });
    const second = await call(url, { headers: { 'x-me': 'b' } });
    expect(calls).to.equal(1);
    expect(second.json()).to.deep.equal({ calls: 1 });
    expect(first.lines('x-for')).to.deep.equal(['a']);
    expect(second.lines('x-for')).to.deep.equal(['b']);
    expect(second.lines('set-cookie')).to.deep.equal(['me=b']);
    expect(second.lines('x-powered-by')).to.deep.equal(['Express']);
    expect(second.headers.vary).to.match(/Origin.*Accept/);
  });

  it('keeps the holders of two certificates apart, which no header tells', async () => {
    const [ann, bob] = [credentials('DNS:ann.test'), credentials('DNS:bob.test')];
    const shown = async (options: CacheOptions): Promise<string[]> => {
      const app = express();
      app.use(cache(options), (req, res) => {
        const socket = req.socket as TLSSocket;
        res.end(socket.getPeerX509Certificate()?.subjectAltName ?? 'nobody');
      });
      const settings = { ...credentials(), requestCert: true, rejectUnauthorized: false };
      const server = createServer(settings, app);
      const { port } = await listening(server);
      const texts: string[] = [];
      for (const client of [ann, bob, undefined, ann]) {
        const own = { key: client?.key, cert: client?.cert, agent: false, rejectUnauthorized: false };
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          get({ port, ...own }, resolve).on('error', reject);
        });
        const [, verdict] = String(response.headers['cache-status']).split('; ');
        texts.push(`${await text(response)} ${verdict}`);
      }
      return texts;
    };
    expect(await shown({})).to.deep.equal([
      'DNS:ann.test fwd=uri-miss',
      'DNS:bob.test fwd=uri-miss',
      'nobody fwd=uri-miss',
      'DNS:ann.test hit',
    ]);
    expect((await shown({ sharedAcrossCredentials: true })).slice(1)).to.deep.equal(
      Array.from({ length: 3 }, () => 'DNS:ann.test hit'),
    );
  });

  it('uses the whole path where one cache is mounted twice', async () => {
    const app = express();
    app.use(['/a', '/b'], cache(), (req, res) => void res.send(req.baseUrl));
    const { url } = await serveApp(app);
    expect((await call(`${url}/a/x`)).text).to.equal('/a');
    expect((await call(`${url}/b/x`)).text).to.equal('/b');
  });

  it('revalidates through the handler, which sees the stored tag and afterwards its own request again', async () => {
    const seen: (string | undefined)[] = [];
    const { url, clock, calls } = await inFrontOf(
      (app) => {
        app.use((req, res) => {
          seen.push(req.get('if-none-match'));
          res.on('finish', () => seen.push(req.get('if-none-match')));
          res
            .set('Cache-Control', 'max-age=10')
            .set('Date', new Date(clock.now()).toUTCString())
            .send('same');
        });
      },
      { mode: 'standard' },
    );
    const first = await call(url);
    clock.advance(11_000);
    const second = await call(url, { headers: { 'if-none-match': '"mine"' } });
    expect([second.status, second.text]).to.deep.equal([200, 'same']);
    expect(cacheStatus(second)).to.match(/fwd-status=304/);
    await until(() => seen.length === 4);
    expect(seen).to.deep.equal([undefined, undefined, first.headers.etag, '"mine"']);
    expect(calls()).to.equal(2);
  });

  it('sends the stale copy in place of an error that Express would send', async () => {
    const { url, clock } = await inFrontOf((app, calls) => {
      app.use((_req, res) => {
        if (calls() > 1) throw new Error('down');
        res.set('X-Own', '1').send('good');
      });
    });
    await call(url);
    clock.advance(61_000);
    const stale = await call(url);
    expect([stale.status, stale.text]).to.deep.equal([200, 'good']);
    expect(stale.lines('content-security-policy')).to.deep.equal([]);
    expect((await call(`${url}/other`)).status).to.equal(500);
  });

  it('renews with one request while the others get the stale copy, where nothing can run in the background', async () => {
    const release: (() => void)[] = [];
    const { url, clock } = await inFrontOf(
      (app, calls) => {
        app.use((_req, res) => {
          const n = calls();
          if (n === 1) res.send('1');
          else release.push(() => res.send(String(n)));
        });
      },
      { staleWhileRevalidateMs: 60_000 },
    );
    await call(url);
    clock.advance(61_000);
    const renewing = call(url);
    await until(() => release.length === 1);
    expect((await call(url)).text).to.equal('1');
    release[0]?.();
    expect((await renewing).text).to.equal('2');
    expect((await call(url)).text).to.equal('2');
  });

  it('coalesces, and has the next one try when a client leaves a foreign handler', async () => {
    const waiting: { send(body: string): unknown }[] = [];
    const { url } = await inFrontOf((app) => {
      app.use((_req, res) => void waiting.push(res));
    });
    const { begin } = await import('../../support/client.js');
    const leader = begin(url);
    await until(() => waiting.length === 1);
    const followers = [call(url), call(url)];
    await new Promise((resolve) => setTimeout(resolve, 30));
    leader.destroy();
    await until(() => waiting.length === 2);
    waiting[1]?.send('second');
    expect((await Promise.all(followers)).map(({ text }) => text)).to.deep.equal(['second', 'second']);
  });

  it('records on the exchange what it did', async () => {
    const verdicts: (string | undefined)[] = [];
    const front = cache();
    const { url } = await serve((req, res, next) => {
      const exchange = exchangeOf(req, res);
      res.on('finish', () => verdicts.push(exchange.cache));
      front(req, res, (error) => (error ? next(error) : void res.end('x')));
    });
    await call(url);
    await call(url);
    await call(url, { method: 'DELETE' });
    expect(verdicts).to.deep.equal(['miss', 'hit', 'bypass']);
  });

  it("purges by key, path and tag, those of 'tags' and of the response", async () => {
    const { url, front, calls } = await inFrontOf(
      (app) => {
        app.use((req, res) => void res.set('Surrogate-Key', `all ${req.path.slice(1)}`).send('x'));
      },
      { tags: (req) => [`by-${req.url?.slice(1)}`] },
    );
    const fill = async () => {
      for (const path of ['/a', '/a/b', '/a/b?q=1', '/c']) await call(url + path);
    };
    const requested = async () => {
      const earlier = calls();
      await fill();
      return calls() - earlier;
    };
    await fill();
    expect(await requested()).to.equal(0);
    expect(await front.purge({ key: front.keyOf({ url: '/a', host: new URL(url).host }) })).to.equal(1);
    expect(await requested()).to.equal(1);
    expect(await front.purge({ prefix: '/a' })).to.equal(3);
    expect(await requested()).to.equal(3);
    expect(await front.purge({ tag: 'all' })).to.equal(4);
    expect(await requested()).to.equal(4);
    expect(await front.purge({ tag: 'by-c' })).to.equal(1);
    expect(await front.purge({ tag: 'a/b' })).to.equal(2);
    expect(await requested()).to.equal(3);
    expect(await front.purge({ prefix: '/' })).to.equal(4);
    expect(front.counts()).to.include({ entries: 0, bytes: 0 });
    expect(await front.purge({ tag: 'nobody' })).to.equal(0);
  });
});
