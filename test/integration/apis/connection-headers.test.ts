import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import type { CacheOptions } from '../../../lib/cache/cache-options.js';
import { type ResilientProxyConfig, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall } from '../../support/raw-client.js';
import { type Served, serve } from '../../support/serve.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** Says which tenant it was called for, in a response that may be stored for each. */
const byTenant: UpstreamResponse = (req, res) => {
  res.setHeader('Cache-Control', 'public, max-age=60').setHeader('Vary', 'X-Tenant');
  res.end(`for ${req.headers['x-tenant'] ?? 'nobody'}`);
};

const tenantOf = (req: IncomingMessage) => String(req.headers['x-tenant'] ?? '');

/** Sends a request of a tenant's. @returns the body of the response */
async function send({ port }: Served, ...headers: string[]): Promise<string | undefined> {
  const lines = ['GET /a HTTP/1.1', 'Host: a', 'X-Tenant: victim', ...headers];
  const response = await rawCall(port, `${lines.join('\r\n')}\r\n\r\n`);
  return response.split('\r\n\r\n')[1]?.replace(/^[0-9a-f]+\r\n|\r\n.*$/g, '');
}

async function start(config: Extract<ResilientProxyConfig, { name: string }>): Promise<Served> {
  const proxy = resilientProxy({ retry: false, breaker: false, ...config });
  onCleanup(() => proxy.close());
  return serve(proxy, { upgrade: proxy.upgrade });
}

for (const transport of TRANSPORTS) {
  describe(`headers that Connection names (RFC 9110 §7.6.1), transport ${transport}`, () => {
    const keyedBy: [how: string, options: Omit<CacheOptions, 'name'>][] = [
      ['a listed header', { headerStrategy: 'listed', headers: ['X-Tenant'] }],
      ['all headers', { headerStrategy: 'all' }],
      ['Vary, in mode standard', { mode: 'standard' }],
      ['Vary, in mode ttl', {}],
      ['a credential', { credentialHeaders: ['X-Tenant'] }],
      ['a function of the application', { key: tenantOf }],
    ];
    for (const [how, options] of keyedBy) {
      it(`do not decide what is stored for others, by ${how}`, async () => {
        const upstream = await startUpstream(byTenant);
        const proxy = await start({ name: 'a', target: upstream.url, transport, cache: options });
        expect(await send(proxy, 'Connection: close, x-TENANT')).to.equal('for nobody');
        expect(await send(proxy, 'Connection: close')).to.equal('for victim');
      });
    }

    it('do not decide it in front of forward() either', async () => {
      const upstream = await startUpstream(byTenant);
      const stored = cache({ mode: 'standard' });
      onCleanup(() => stored.close());
      const proxy = await startForward({ target: upstream.url, transport }, stored);
      const first = 'Connection: X-Tenant';
      expect(await send(proxy, first, 'Connection: close')).to.equal('for nobody');
      expect(await send(proxy, 'Connection: close')).to.equal('for victim');
      expect(await send(proxy, first, 'Connection: close')).to.equal('for nobody');
      expect(upstream.requests).to.have.length(2);
    });

    it('do not choose another advertised limit', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(429, { 'Retry-After': '60' }).end();
      });
      const proxy = await start({ name: 'a', target: upstream.url, transport, rateLimit: {} });
      for (const token of ['one', 'two', 'three']) {
        await send(proxy, `X-Auth-Token: ${token}`, 'Connection: close, X-Auth-Token');
      }
      expect(upstream.requests).to.have.length(1);
    });

    it('do not choose another quota or target', async () => {
      const upstream = await startUpstream((_req, res) => void res.end('ok'));
      const seen: string[] = [];
      const proxy = await start({
        name: 'a',
        target: upstream.url,
        transport,
        rateLimit: { limit: 1, windowMs: 60_000, learn: false, key: tenantOf },
        router: (req: IncomingMessage) => {
          seen.push(
            `${tenantOf(req)} ${req.headersDistinct['x-tenant']} ${req.rawHeaders.includes('X-Tenant')}`,
          );
          return upstream.url;
        },
      });
      await send(proxy, 'Connection: close, X-Tenant');
      await send(proxy, 'Connection: close, X-Tenant');
      expect(upstream.requests).to.have.length(1);
      expect(seen).to.deep.equal([' undefined false']);
    });

    it('do not count as sent by another proxy, with xfwd', async () => {
      const upstream = await startUpstream((_req, res) => void res.end('ok'));
      const proxy = await start({ name: 'a', target: upstream.url, transport, xfwd: true });
      await send(proxy, 'X-Forwarded-For: 192.0.2.1', 'Connection: close, X-Forwarded-For');
      expect(upstream.requests[0]?.headers['x-forwarded-for']).to.match(/^(::ffff:)?127\.0\.0\.1$/);
    });

    it('are still read where they frame the request', async () => {
      const upstream = await startUpstream((req, res) => void req.on('end', () => res.end('ok')).resume());
      const proxy = await start({ name: 'a', target: upstream.url, transport });
      const lines = [
        'POST / HTTP/1.1',
        'Host: a',
        'Connection: close, Content-Length, Host',
        'Content-Length: 4',
      ];
      const response = await rawCall(proxy.port, `${lines.join('\r\n')}\r\n\r\nbody`);
      expect(response).to.match(/^HTTP\/1\.1 200 /);
      expect(upstream.requests[0]?.body.toString()).to.equal('body');
    });
  });
}
