import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { rotating } from '../../support/rotating.js';
import { until } from '../../support/until.js';
import { startUpstream, text, type UpstreamResponse } from '../../support/upstream.js';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'proxies-'));
  onCleanup(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Writes it as most programs do: beside it first, and then in its place. */
async function put(path: string, lines: readonly string[]): Promise<void> {
  await writeFile(`${path}.new`, lines.join('\n'));
  await rename(`${path}.new`, path);
}

const from: UpstreamResponse = (req, res) =>
  void res.end(String(req.socket.remoteAddress).replace('::ffff:', ''));

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() with a list in a file, transport ${transport}`, () => {
    async function start(options: ProxyRotateOptions, target?: string) {
      const tested = rotating(options);
      const lists: unknown[] = [];
      tested.rotate.on('list', ({ added, removed, proxies }) => lists.push([added, removed, proxies]));
      tested.rotate.on('listFailed', ({ reason }) => lists.push(reason));
      const upstream = target ?? (await startUpstream(from)).url;
      const { url } = await startForward({ target: upstream, transport }, tested.rotate);
      return { url, lists, ...tested };
    }

    it('follows the file, and keeps what is known of proxies that stay', async () => {
      const [a, b, c] = await Promise.all([
        startForwardProxy({ credentials: 'me:pa:ss', from: '127.0.0.2' }),
        startForwardProxy({ from: '127.0.0.3' }),
        startForwardProxy({ from: '127.0.0.4' }),
      ]);
      const dead = await unusedPort();
      const file = join(await folder(), 'proxies.txt');
      await put(file, [`127.0.0.1:${a.port}:me:pa:ss`, `127.0.0.1:${dead}`, b.url]);
      const { url, lists, rotate } = await start({ proxies: { file } });
      const seen = new Set<string>();
      for (let i = 0; i < 4; i++) seen.add((await call(url)).text);
      expect([...seen].sort()).to.deep.equal(['127.0.0.2', '127.0.0.3']);
      const before = rotate.status();
      expect(before.map(({ state }) => state)).to.deep.equal(['ok', 'cooling-down', 'ok']);

      await put(file, [c.url, `127.0.0.1:${dead}`, `127.0.0.1:${a.port}:me:pa:ss`]);
      await until(() => lists.length > 0);
      expect(lists).to.deep.equal([[1, 1, 3]]);
      const [third, second, first] = rotate.status();
      expect(second).to.deep.equal(before[1]);
      expect(first).to.deep.equal(before[0]);
      expect(third).to.include({ name: c.name, attempts: 0 });
      seen.clear();
      for (let i = 0; i < 4; i++) seen.add((await call(url)).text);
      expect([...seen].sort()).to.deep.equal(['127.0.0.2', '127.0.0.4']);
      // The tunnel of the proxy that stayed is still the same.
      expect(a.connects).to.have.length(1);
    });

    it('lets a call end whose proxy is taken out', async () => {
      const held: (() => void)[] = [];
      const target = await startUpstream((_req, res) => {
        res.write('first ');
        held.push(() => res.end('last'));
      });
      const [a, b] = await Promise.all([startForwardProxy(), startForwardProxy()]);
      const file = join(await folder(), 'proxies.txt');
      await put(file, [a.url]);
      const { url, lists } = await start({ proxies: { file } }, target.url);
      const response = call(url);
      await until(() => held.length === 1);
      await put(file, [b.url]);
      await until(() => lists.length > 0);
      held[0]?.();
      expect((await response).text).to.equal('first last');
      const next = call(url);
      await until(() => held.length === 2);
      held[1]?.();
      expect((await next).status).to.equal(200);
      expect([a.connects.length, b.connects.length]).to.deep.equal([1, 1]);
    });

    it('keeps the list that it has where the file is gone, or has no proxy in it, and says so once', async () => {
      const proxy = await startForwardProxy();
      const file = join(await folder(), 'proxies.txt');
      await put(file, [proxy.url]);
      const { url, lists, rotate } = await start({ proxies: { file, refreshMs: 100 } });
      await rm(file);
      await until(() => lists.length > 0);
      await put(file, ['', '<html>']);
      await until(() => rotate.list()?.failure === 'there is no proxy in it' || lists.length > 1);
      expect((await call(url)).status).to.equal(200);
      expect(lists).to.deep.equal(['ENOENT']);
      await put(file, ['nonsense secret', proxy.url]);
      await until(() => rotate.list()?.failure === undefined);
      expect(rotate.list()).to.deep.include({ proxies: 1, wrongLines: 1, source: file });
      expect(JSON.stringify(rotate.list())).not.to.include('secret');
      expect(lists).to.deep.equal(['ENOENT', [0, 0, 1]]);
    });
  });

  describe(`proxyRotate() with a list at a URL, transport ${transport}`, () => {
    it('waits for it with the first call, and fetches it again', async () => {
      const proxy = await startForwardProxy();
      const responses: UpstreamResponse[] = [
        (_req, res) => void setTimeout(() => res.writeHead(200, { etag: '"1"' }).end(`${proxy.url}\n`), 100),
      ];
      const list = await startUpstream((req, res) => {
        const next = responses.shift();
        if (next) next(req, res);
        else res.writeHead(304).end();
      });
      const target = await startUpstream(text('sunny'));
      const address = list.url.replace('://', '://me:secret@');
      const tested = rotating({ proxies: { url: `${address}/token-secret?x=secret`, refreshMs: 100 } });
      const failures: unknown[] = [];
      tested.rotate.on('listFailed', (event) => failures.push(event));
      const { url } = await startForward({ target: target.url, transport }, tested.rotate);
      expect((await call(url)).text).to.equal('sunny');
      expect(list.requests[0]?.headers.authorization).to.equal(`Basic ${btoa('me:secret')}`);
      responses.push((_req, res) => void res.writeHead(500).end());
      await until(() => failures.length === 1);
      expect(failures).to.deep.equal([
        { api: 'default', source: list.url, reason: 'status 500', proxies: 1 },
      ]);
      expect((await call(url)).text).to.equal('sunny');
    });

    it('refuses calls while the list cannot be fetched, and says why in the cause', async () => {
      const target = await startUpstream(text('sunny'));
      const address = `http://127.0.0.1:${await unusedPort()}/secret`;
      const { rotate } = rotating({ proxies: { url: address } });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      expect((await call(url)).json()).to.deep.equal({
        error: 'No egress proxy can be used now',
        code: 'ERR_NO_PROXY',
      });
      expect(rotate.list()).to.include({ failure: 'ECONNREFUSED', readAt: undefined });
      expect(target.requests).to.deep.equal([]);
    });
  });
}

describe('proxyRotate() with a list', () => {
  it('is an InvalidOptionError where its file cannot be read at the start', async () => {
    const file = join(await folder(), 'missing.txt');
    expect(() => rotating({ proxies: { file } })).to.throw(
      /proxyRotate\.proxies\.file must be a file that can be read \(ENOENT\)/,
    );
  });

  it('is one where its file is a device, which would never end', () => {
    expect(() => rotating({ proxies: { file: '/dev/zero' } })).to.throw(
      /proxyRotate\.proxies\.file must be a file that can be read \(it is no regular file\)/,
    );
  });
});
