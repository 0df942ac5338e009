import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { serveApp } from '../../support/serve.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** As on-headers 1.0 does, for morgan, express-session and Next.js: it takes each entry of a list for a pair. */
function replaceWriteHead(res: ServerResponse): void {
  const { writeHead } = res;
  const replaced = (status: number, ...rest: unknown[]): ServerResponse => {
    const text = typeof rest[0] === 'string' ? rest[0] : undefined;
    const headers = text === undefined ? rest[0] : rest[1];
    if (Array.isArray(headers)) for (const pair of headers) res.setHeader(pair[0], pair[1]);
    else for (const [name, value] of Object.entries(headers ?? {})) res.setHeader(name, value as string);
    return Reflect.apply(writeHead, res, text === undefined ? [status] : [status, text]);
  };
  res.writeHead = replaced as typeof res.writeHead;
}

const responds: UpstreamResponse = (_req, res) => {
  const headers = { 'X-Api': 'demo', 'Set-Cookie': ['a=1', 'b=2'], 'Cache-Control': 'max-age=60' };
  res.writeHead(201, 'Fine', headers).end('ok');
};

for (const transport of TRANSPORTS) {
  describe(`a response whose writeHead() another package has replaced, transport ${transport}`, () => {
    it('has every header of the target', async () => {
      const upstream = await startUpstream(responds);
      const handler = openForward({ target: upstream.url, transport });
      const { url } = await serveApp((req, res) => {
        replaceWriteHead(res);
        return handler(req, res);
      });
      const response = await call(url);
      expect([response.status, response.statusMessage, response.text]).to.deep.equal([201, 'Fine', 'ok']);
      expect(response.headers['x-api']).to.equal('demo');
      expect(response.lines('set-cookie')).to.deep.equal(['a=1', 'b=2']);
    });

    it('has them with a cache and explain, of a stored response too', async () => {
      const upstream = await startUpstream(responds);
      const cache = { statuses: [201], setCookie: 'strip' as const };
      const proxy = resilientProxy({ name: 'api', target: upstream.url, transport, explain: true, cache });
      onCleanup(() => proxy.close());
      const { url } = await serveApp((req, res) => {
        replaceWriteHead(res);
        proxy(req, res);
      });
      for (const verdict of [/fwd=uri-miss/, /hit/]) {
        const response = await call(url);
        expect([response.status, response.text]).to.deep.equal([201, 'ok']);
        expect(response.headers['x-api']).to.equal('demo');
        expect(response.headers['cache-status']).to.match(verdict);
        expect(response.headers['server-timing']).to.be.a('string');
        expect(response.rawHeaders.filter((name, i) => i % 2 === 0 && name.length === 1)).to.deep.equal([]);
      }
    });
  });
}
