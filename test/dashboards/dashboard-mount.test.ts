import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import express from 'express';
import helmet from 'helmet';
import request from 'supertest';
import { type DashboardOptions, statsDashboard } from '../../dashboards/index.js';
import { useBrowser } from '../support/browser.js';
import { onCleanup } from '../support/cleanup.js';
import { fakeStats } from '../support/fake-stats.js';
import { listening } from '../support/listening.js';
import { serveApp } from '../support/serve.js';

function dashboard(options?: DashboardOptions) {
  const made = statsDashboard(fakeStats({ payments: { paths: ['/a'], calls: 600, failing: 0 } }), options);
  onCleanup(() => made.close());
  return made;
}

// It has no types under this name; what is used of it here is as in Express 5.
const express4: typeof express = createRequire(import.meta.url)('express4');

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function responseBriefly(error: Error, _req: express.Request, res: express.Response, _next: unknown): void {
  res.status(500).send(error.message);
}

describe('a mounted dashboard', () => {
  const browser = useBrowser();

  /** Opens the page and waits for its figures; any complaint of the browser fails the test. */
  async function works(url: string): Promise<void> {
    const { page, complaints } = await browser.visit(url);
    await page.locator('#figures .kpi .value').first().waitFor();
    await page.locator('.feed-state[data-state=live]').waitFor();
    expect(complaints).to.deep.equal([]);
  }

  it('works on Express 5, nested in routers, without a slash at its end', async () => {
    const inner = express.Router().use('/stats', dashboard());
    const { url } = await serveApp(express().use('/deep/inside', inner));
    await works(`${url}/deep/inside/stats?period=daily`);
  });

  it('works on Express 4', async () => {
    const { url } = await serveApp(express4().use('/stats', dashboard()));
    await works(`${url}/stats`);
  });

  it('works on node:http alone', async () => {
    const handle = dashboard();
    const { url } = await serveApp((req, res) => handle(req, res, () => res.writeHead(404).end()));
    await works(`${url}/`);
  });

  for (const path of ['/stats', '/stats/']) {
    it(`works at ${path} of a server that removes no path and has set 404 before`, async () => {
      const handle = dashboard({ mount: '/stats' });
      const { url } = await serveApp((req, res) => {
        res.statusCode = 404;
        handle(req, res, () => res.end('of the application'));
      });
      await works(`${url}${path}`);
      await request(url).get('/statistics').expect(404, 'of the application');
      await request(url).get('/data').expect(404, 'of the application');
    });
  }

  it('has its page where Express has removed the mount path already', async () => {
    const { url } = await serveApp(express().use('/stats', dashboard({ mount: '/stats' })));
    await works(`${url}/stats`);
  });

  it('refuses a mount path that is none', () => {
    expect(() => dashboard({ mount: 'stats' })).to.throw(TypeError, /^statsDashboard\.mount must be a path/);
  });

  it('responds itself without a next', async () => {
    const handle = dashboard({
      authorize: ({ url }) => {
        if (url === '/data') throw new Error('no session store');
        return true;
      },
    });
    const { url } = await serveApp((req, res) => handle(req, res));
    const unknown = await request(url).get('/unknown').expect(404);
    expect(unknown.body.code).to.equal('ERR_NOT_FOUND');
    const failed = await request(url).get('/data').expect(500);
    expect(failed.body).to.deep.equal({ error: 'The dashboard failed', code: 'ERR_INTERNAL' });
  });

  it('works behind helmet with its default policy, which it replaces by its own', async () => {
    const { url } = await serveApp(express().use(helmet()).use('/stats', dashboard()));
    await works(`${url}/stats/`);
    await request(url).get('/stats/').expect('Content-Security-Policy', POLICY);
  });

  it('works behind a reverse proxy that takes a prefix off the path', async () => {
    const { port } = await serveApp(express().use('/stats', dashboard()));
    const proxy = createServer((req, res) => {
      const path = (req.url ?? '').replace(/^\/prefix/, '');
      const upstream = httpRequest(
        { port, path, method: req.method, headers: req.headers },
        (response: IncomingMessage) => {
          res.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(res);
        },
      );
      upstream.on('error', () => res.destroy());
      res.on('close', () => upstream.destroy());
      req.pipe(upstream);
    });
    const { port: front } = await listening(proxy);
    await works(`http://127.0.0.1:${front}/prefix/stats?api=payments`);
  });

  it('redirects to the address with a slash, relative, with the query', async () => {
    const { url } = await serveApp(express().use('/deep/a:b', dashboard()));
    await request(url).get('/deep/a:b?api=x').expect(302).expect('Location', './a:b/?api=x');
  });

  it('sends its own policy with every response, and lets no other site in', async () => {
    const { url } = await serveApp(express().use('/stats', dashboard()));
    for (const path of ['', 'data', 'data?api=nobody', 'stats.json']) {
      const { headers } = await request(url).get(`/stats/${path}`);
      expect(headers, path).to.include({
        'content-security-policy': POLICY,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'x-frame-options': 'DENY',
      });
    }
  });

  it('lets a browser cache the assets for ever and revalidate the page', async () => {
    const { url } = await serveApp(express().use('/stats', dashboard()));
    const { text, headers } = await request(url).get('/stats/').expect('Cache-Control', 'private, no-cache');
    await request(url).get('/stats/').set('If-None-Match', String(headers.etag)).expect(304);
    const [, script] = /<script type="module" src="([^"]+)"/.exec(text) ?? [];
    const asset = await request(url)
      .get(`/stats/${script}`)
      .expect(200)
      .expect('Content-Type', /javascript/);
    expect(asset.headers['cache-control']).to.equal('private, max-age=31536000, immutable');
    expect(asset.headers['content-encoding']).to.equal('gzip');
    const plain = await request(url).get(`/stats/${script}`).set('Accept-Encoding', 'identity');
    expect(plain.headers).to.not.have.property('content-encoding');
    expect(plain.text).to.equal(asset.text);
  });

  it('is smaller than 120 KB with all its assets', async () => {
    const { url } = await serveApp(express().use('/stats', dashboard()));
    const { page } = await browser.visit('about:blank');
    const bodies: Promise<Buffer | undefined>[] = [];
    page.on('requestfinished', (request) => {
      bodies.push(request.response().then((response) => response?.body()));
    });
    await page.goto(`${url}/stats/`);
    await page.locator('#figures .kpi .value').first().waitFor();
    await page.waitForLoadState('load');
    const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + (body?.length ?? 0), 0);
    expect(bytes).to.be.within(60_000, 120_000);
  });

  it('has no asset outside its folder, and none of another version', async () => {
    const { url } = await serveApp(express().use('/stats', dashboard()));
    const { text } = await request(url).get('/stats/');
    const [folder = ''] = /assets\/[\w-]+/.exec(text) ?? [];
    await request(url).get(`/stats/${folder}/statistics/index.html`).expect(404);
    await request(url).get(`/stats/${folder}/..%2f..%2fpackage.json`).expect(404);
    await request(url).get('/stats/assets/old/statistics/main.js').expect(404);
  });

  it('calls next for unknown paths, and refuses other methods', async () => {
    const app = express().use('/stats', dashboard(), (_req, res) => void res.status(418).end());
    const { url } = await serveApp(app);
    await request(url).get('/stats/unknown').expect(418);
    await request(url).post('/stats/data').expect(405).expect('Allow', 'GET');
    await request(url).head('/stats/data').expect(200);
  });

  describe('with authorize', () => {
    it('responds with 403 when unauthorized, also for assets and streams', async () => {
      const { url } = await serveApp(express().use('/stats', dashboard({ authorize: () => false })));
      for (const path of ['', 'data', 'events', 'stats.json', 'assets/x/y.js']) {
        const { body } = await request(url).get(`/stats/${path}`).expect(403);
        expect(body.code).to.equal('ERR_FORBIDDEN');
      }
    });

    it('responds with 401 and the challenge if one is set, and lets authorized requests in', async () => {
      const authorize = async (req: IncomingMessage) => req.headers.authorization === 'Bearer good';
      const app = express().use('/stats', dashboard({ authorize, challenge: 'Basic realm="admin"' }));
      const { url } = await serveApp(app);
      await request(url).get('/stats/data').expect(401).expect('WWW-Authenticate', 'Basic realm="admin"');
      await request(url).get('/stats/data').set('Authorization', 'Bearer good').expect(200);
    });

    it('lets nobody in when it returns anything but true', async () => {
      const authorize = (() => 'yes') as unknown as () => boolean;
      const { url } = await serveApp(express().use('/stats', dashboard({ authorize })));
      await request(url).get('/stats/data').expect(403);
    });

    it('passes what it throws to the application', async () => {
      const authorize = async (): Promise<boolean> => {
        throw new Error('no session store');
      };
      const { url } = await serveApp(express().use('/stats', dashboard({ authorize }), responseBriefly));
      const { text } = await request(url).get('/stats/data').expect(500);
      expect(text).to.equal('no session store');
    });
  });
});
