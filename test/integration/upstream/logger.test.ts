import { format } from 'node:util';
import { expect } from 'chai';
import express from 'express';
import { createProxyMiddleware, type Options } from 'http-proxy-middleware';
import { retry } from '../../../lib/index.js';
import { call } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, status, text } from '../../support/upstream.js';

/** A logger and the lines it got. */
function recorder() {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (...args: unknown[]) =>
      void lines.push(`${level} ${format(...args)}`);
  return { lines, logger: { info: write('info'), warn: write('warn'), error: write('error') } };
}

for (const transport of TRANSPORTS) {
  describe(`forward() with a logger, transport ${transport}`, () => {
    /** What http-proxy-middleware logs for these calls, and what we do. */
    async function written(target: string, paths: readonly string[]) {
      const [plain, ours] = [recorder(), recorder()];
      const options = (logger: NonNullable<Options['logger']>) => ({
        target,
        logger,
        pathRewrite: { '^/old': '/new' },
      });
      // http-proxy-middleware responds to an error and passes it on, too.
      const swallow = () => {};
      const middleware = createProxyMiddleware(options(plain.logger));
      const one = await serveApp((req, res) => void middleware(req, res, swallow));
      const two = await startForward({ ...options(ours.logger), transport });
      for (const { url } of [one, two]) for (const path of paths) await call(url + path).catch(() => {});
      await until(() => ours.lines.length >= plain.lines.length);
      const normal = (lines: string[]) =>
        lines.map((line) => line.replaceAll(String(two.port), String(one.port)));
      return { plain: plain.lines, ours: normal(ours.lines) };
    }

    it('logs each response as http-proxy-middleware does', async () => {
      const upstream = await startUpstream((req, res) =>
        res.writeHead(req.url?.endsWith('/z') ? 404 : 200).end(),
      );
      const { plain, ours } = await written(`${upstream.url}/base`, ['/old/x?y=1', '/z']);
      expect(ours).to.deep.equal([
        `info [HPM] GET /new/x?y=1 -> ${upstream.url}/base/new/x?y=1 [200]`,
        `info [HPM] GET /z -> ${upstream.url}/base/z [404]`,
      ]);
      expect(ours).to.deep.equal(plain);
    });

    it('logs each failure as http-proxy-middleware does', async () => {
      const { plain, ours } = await written(`http://127.0.0.1:${await unusedPort()}/`, ['/x']);
      expect(plain[0]).to.match(/^error \[HPM\] Error occurred while proxying request .* \[ECONNREFUSED\]/);
      expect(ours).to.deep.equal(plain);
    });

    it('logs a response that breaks off as http-proxy-middleware does', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200).write('part');
        setImmediate(() => res.destroy());
      });
      const { plain, ours } = await written(upstream.url, ['/x?key=s3cret']);
      const place =
        /^error \[HPM\] Error occurred while proxying request (127\.0\.0\.1:\d+\/x\?key=)\S* to (\S+) \[\w+\]/;
      for (const [first, second, ...more] of [plain, ours]) {
        expect(first).to.match(/^info \[HPM\] GET \/x/);
        expect(place.exec(second ?? '')?.slice(1)).to.deep.equal(place.exec(plain[1] ?? '')?.slice(1));
        expect(place.exec(second ?? '')).not.to.equal(null);
        expect(more).to.deep.equal([]);
      }
      expect(ours.join()).not.to.include('s3cret');
    });

    it('masks secrets', async () => {
      const { logger, lines } = recorder();
      const { url, port } = await startUpstream(text('hello'));
      const target = `http://user:secret@127.0.0.1:${port}/?api_key=secret`;
      const proxy = await startForward({ target, transport, logger });
      await call(`${proxy.url}/x?token=secret&page=2`);
      const down = await startForward({
        target: `http://user:secret@127.0.0.1:${await unusedPort()}/?api_key=secret`,
        transport,
        logger,
      });
      await call(`${down.url}/x?token=secret`);
      expect(lines).to.have.length(2);
      expect(lines.join('\n')).to.include('page=2').and.include(url).and.not.include('secret');
    });

    it('logs only the result of a retried call', async () => {
      const { logger, lines } = recorder();
      const upstream = await startUpstream([status(503), text('hello')]);
      const proxy = await startForward(
        { target: upstream.url, transport, logger },
        retry({ initialDelayMs: 1 }),
      );
      await call(proxy.url);
      expect(lines).to.deep.equal([`info [HPM] GET / -> ${upstream.url}/ [200]`]);
    });

    it('logs nothing if the default plugins are ejected', async () => {
      const { logger, lines } = recorder();
      const upstream = await startUpstream(text('hello'));
      await call((await startForward({ target: upstream.url, transport, logger, ejectPlugins: true })).url);
      expect(lines).to.deep.equal([]);
    });

    it('fails no call when the logger does', async () => {
      const fail = () => {
        throw new Error('the disk is full');
      };
      const upstream = await startUpstream(text('hello'));
      const logger = { info: fail, warn: fail, error: fail };
      const proxy = await startForward({ target: upstream.url, transport, logger });
      expect((await call(proxy.url)).text).to.equal('hello');
      const target = `http://127.0.0.1:${await unusedPort()}`;
      const down = await startForward({ target, transport, logger });
      expect((await call(down.url)).status).to.equal(502);
    });

    it('logs the error of a listener that failed after its call', async () => {
      const { logger, lines } = recorder();
      const upstream = await startUpstream(text('hello'));
      const on = { error: () => Promise.reject(new RangeError('mine')) };
      const proxy = await startForward({ target: upstream.url, transport, logger, on });
      await call(proxy.url);
      const target = `http://127.0.0.1:${await unusedPort()}`;
      await call((await startForward({ target, transport, logger, on })).url);
      expect(lines.at(-1)).to.equal('error [HPM] The function given as on.error failed (RangeError)');
    });
  });
}

describe('forward() with a logger below a mount path', () => {
  it('logs the path that the client requested', async () => {
    const { logger, lines } = recorder();
    const upstream = await startUpstream(text('hello'));
    const app = express().use('/mount', openForward({ target: upstream.url, logger }));
    await call(`${(await serveApp(app)).url}/mount/x`);
    expect(lines).to.deep.equal([`info [HPM] GET /mount/x -> ${upstream.url}/x [200]`]);
  });
});
