import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { parseConfig } from '../../../lib/config/load-config.js';
import { openrestyApiShape } from '../../../lib/config/openresty-shape.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { type Program, printed, run, start } from '../../package/program.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open, responseOf } from '../../support/client.js';
import { unusedPort } from '../../support/listening.js';
import { blocksOf, compiledPages, nameOf } from '../../support/pages.js';
import { startRedis } from '../../support/redis.js';
import { serve } from '../../support/serve.js';
import { eventOf, until } from '../../support/until.js';
import { json, startUpstream, status } from '../../support/upstream.js';

/** Starts a program of a page, which prints the address it listens on. */
async function startShown(path: string, env: Record<string, string>): Promise<Program & { url: string }> {
  const { path: project } = await compiledPages();
  const program = start(process.execPath, [join('build', path)], {
    cwd: project,
    env: { PORT: '0', ...env },
  });
  const port = /\d+/.exec(await printed(program, /port: \d+/))?.[0];
  return Object.assign(program, { url: `http://127.0.0.1:${port}` });
}

describe('recipes/express-app.md', () => {
  it('is an application with a login, an API behind it, and calls from its own code', async () => {
    const upstream = await startUpstream(json(['Berlin']));
    const env = { CATALOGUE_URL: upstream.url, CATALOGUE_KEY: 'secret', APP_TOKEN: 'token' };
    const { url, child, ended } = await startShown('express-app/app.js', env);
    const headers = { authorization: 'Bearer token' };

    expect((await call(`${url}/api/catalogue/cities`)).status).to.equal(401);
    expect((await call(`${url}/api/catalogue/cities`, { headers })).json()).to.deep.equal(['Berlin']);
    expect((await call(`${url}/cities`)).json()).to.deep.equal(['Berlin']);
    expect((await call(`${url}/admin/stats/`, { headers })).status).to.equal(200);
    expect((await call(`${url}/admin/circuits/`)).status).to.equal(401);

    // One copy for the user and for the application's own call.
    expect(upstream.requests).to.have.length(1);
    const [request] = upstream.requests;
    expect(request?.headers['x-api-key']).to.equal('secret');
    expect(request?.headers).to.not.have.any.keys('authorization', 'cookie');
    // A page that is open does not keep it from ending.
    const { res } = await open(`${url}/admin/circuits/events`, { headers });
    await eventOf(res, 'data');
    child.kill('SIGTERM');
    expect(await ended).to.equal(0);
  });
});

describe('recipes/replace-openresty.md', () => {
  it('says the same in both vocabularies', async () => {
    const blocks = await blocksOf('recipes/replace-openresty.md');
    const text = (name: string) => blocks.find((block) => nameOf(block) === name)?.text ?? '';
    const env = { BIRDEYE_API_KEY: 'key', PROXY_URLS: 'http://exit.example:3128' };
    const [before, after] = ['before.yaml', 'after.yaml'].map(
      (name) => parseConfig(text(name), { env }).config,
    );
    expect(before).to.deep.equal(after);
  });

  it('has two files that pass --check', async () => {
    const blocks = await blocksOf('recipes/replace-openresty.md');
    const { path } = await compiledPages();
    const env = { BIRDEYE_API_KEY: 'key', PROXY_URLS: 'http://exit.example:3128' };
    for (const block of blocks.filter(({ language }) => language === 'yaml')) {
      const file = join(path, nameOf(block) ?? '');
      await writeFile(file, block.text);
      const said = await run(process.execPath, ['dist/lib/gateway/main.js', '--config', file, '--check'], {
        env,
      });
      expect(said)
        .to.match(/ is valid: 2 APIs\n/)
        .and.not.include('warning');
    }
  });

  it('names every option of the OpenResty gateway', async () => {
    const page = await readFile('recipes/replace-openresty.md', 'utf8');
    const names = Object.keys(openrestyApiShape);
    expect(names.filter((name) => !page.includes(`\`${name}\``))).to.deep.equal([]);
  });
});

describe('recipes/many-processes.md', () => {
  it('keeps one cache for all workers', async () => {
    const redis = await startRedis();
    let price = 0;
    const upstream = await startUpstream((_req, res) => void res.end(String(++price)));
    const env = { REDIS_URL: redis.url, PRICES_URL: upstream.url, PORT: String(await unusedPort()) };
    const { url, child, ended } = await startShown('many-processes/cluster.js', env);

    /** What two workers answer; while a worker is still connecting to Redis it asks the API for itself. */
    const responses = async (path: string): Promise<Set<string>> => {
      const byWorker = new Map<unknown, string>();
      while (byWorker.size < 2) {
        const { headers, text } = await call(url + path);
        byWorker.set(headers['x-worker'], text);
      }
      return new Set(byWorker.values());
    };
    for (let i = 0; (await responses(`/api/prices/${i}`)).size > 1; i++);
    child.kill('SIGTERM');
    await ended;
  });

  it('tells truly what opens a circuit for all: failures of two processes, and not of one', async () => {
    const redis = await startRedis();
    const upstream = await startUpstream(status(500));
    const proxies = [1, 2].map(() =>
      resilientProxy({
        name: 'dead',
        target: upstream.url,
        redis: redis.url,
        retry: false,
        breaker: { failureThreshold: 1 },
      }),
    );
    for (const proxy of proxies) onCleanup(() => proxy.close());
    const [one, other] = await Promise.all(proxies.map((proxy) => serve(proxy)));
    expect((await call(`${one?.url}/`)).status).to.equal(500);
    expect((await call(`${one?.url}/`)).status).to.equal(503);
    // The first process opens its own circuit only; the failure of the second opens it for all.
    expect((await call(`${other?.url}/`)).status).to.equal(500);
    const isFleets = () => proxies.every(({ circuits }) => circuits.list()[0]?.scope === 'fleet');
    await until(isFleets, 'the circuit to open for both');
    expect((await call(`${other?.url}/`)).status).to.equal(503);
    expect(upstream.requests).to.have.length(2);
  });
});

describe('recipes/write-your-own-stage.md', () => {
  for (const program of ['app.js', 'chain.js']) {
    it(`signs each attempt anew, tries a conflict again, and lets one at a time through: ${program}`, async () => {
      let release = () => {};
      const upstream = await startUpstream([
        status(409),
        status(503),
        status(200),
        (_req, res) => {
          res.writeHead(200).write('begun');
          release = () => res.end();
        },
        status(200),
      ]);
      const env = { ORDERS_URL: upstream.url, ORDERS_SECRET: 'secret' };
      const { url } = await startShown(`write-your-own-stage/${program}`, env);

      expect((await call(`${url}/orders/1?a=b`)).status).to.equal(200);
      expect(upstream.requests).to.have.length(3);
      const times = upstream.requests.map(({ headers }) => String(headers['x-time']));
      expect(new Set(times)).to.have.property('size', 3);
      const expected = times.map((time) =>
        createHmac('sha256', 'secret').update(`GET /1?a=b ${time}`).digest('hex'),
      );
      expect(upstream.requests.map(({ headers }) => headers['x-signature'])).to.deep.equal(expected);

      // An attempt counts until its body has ended.
      const slow = await open(`${url}/orders/2`);
      const refused = await call(`${url}/orders/3`);
      expect([refused.status, refused.headers['retry-after']]).to.deep.equal([429, '1']);
      expect(upstream.requests).to.have.length(4);
      release();
      expect((await responseOf(slow)).text).to.equal('begun');
      expect((await call(`${url}/orders/4`)).status).to.equal(200);
    });
  }
});

describe('recipes/tests-with-a-fake-upstream.md', () => {
  it('is a test that passes', async () => {
    const { path } = await compiledPages();
    const mocha = join(path, 'node_modules/mocha/bin/mocha.js');
    const tests = 'build/tests-with-a-fake-upstream/weather.test.js';
    const output = await run(process.execPath, [mocha, '--no-config', tests], { cwd: path });
    expect(output).to.include('5 passing');
  });
});

describe('recipes/websockets.md', () => {
  it('is an application that carries WebSockets, the first of them before any call', async () => {
    const target = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    onCleanup(() => target.close());
    await once(target, 'listening');
    target.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
    const { port } = target.address() as AddressInfo;
    const env = { QUOTES_URL: `ws://127.0.0.1:${port}`, PORT: String(await unusedPort()) };
    const { url } = await startShown('websockets/sockets.mjs', env);
    const client = new WebSocket(`${url.replace('http', 'ws')}/api/quotes/live`);
    await once(client, 'open');
    client.send('hello');
    expect(String((await once(client, 'message'))[0])).to.equal('echo hello');
    client.close();
    await once(client, 'close');
  });
});
