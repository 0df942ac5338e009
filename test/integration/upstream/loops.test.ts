import { once } from 'node:events';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { forward, InvalidOptionError, resilientProxy } from '../../../lib/index.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { serve } from '../../support/serve.js';
import { startUpstream, text } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`forward() and loops (RFC 9110 §7.6.3), transport ${transport}`, () => {
    /** A proxy whose target is chosen when its address is known. */
    const start = async (options: ForwardOptions = {}) => {
      const to = { url: '' };
      const proxy = await startForward({ router: () => to.url, transport, ...options });
      const seen: string[] = [];
      proxy.server.on('request', (req) => seen.push(req.headers.via ?? ''));
      return { ...proxy, to, seen };
    };

    it('answers 508 to a request that has come back', async () => {
      const proxy = await start();
      proxy.to.url = proxy.url;
      const response = await call(proxy.url);
      expect(response.status).to.equal(508);
      expect(response.json()).to.have.property('code', 'ERR_LOOP_DETECTED');
      expect(response.headers['proxy-status']).to.equal('resilient-proxy-out; error=proxy_loop_detected');
      expect(proxy.seen).to.have.length(2);
    });

    it('sees it through another proxy, and by a name of its own', async () => {
      const [one, two] = [await start({ via: 'edge:8080' }), await start({ via: false })];
      one.to.url = two.url;
      two.to.url = one.url;
      expect((await call(one.url)).status).to.equal(508);
      expect(one.seen).to.deep.equal(['', '1.1 edge:8080']);
    });

    it('lets a request pass two proxies of one process', async () => {
      const upstream = await startUpstream(text('ok'));
      const [one, two] = [await start(), await start()];
      one.to.url = two.url;
      two.to.url = upstream.url;
      expect((await call(one.url)).text).to.equal('ok');
      expect(upstream.requests[0]?.headers.via).to.match(
        /^1\.1 resilient-proxy-out-[0-9a-f]{8}, 1\.1 resilient-proxy-out-[0-9a-f]{8}$/,
      );
    });

    it('takes no other name for its own', async () => {
      const upstream = await startUpstream(text('ok'));
      const proxy = await start({ via: 'edge' });
      proxy.to.url = upstream.url;
      for (const via of ['1.1 edge2', '1.1 my-edge', '1.1 other (edge)', 'edge 1.1', '1.1 edge:80']) {
        expect((await call(proxy.url, { headers: { via } })).status, via).to.equal(200);
      }
      for (const via of ['1.1 edge', '1.0 a, HTTP/1.1  edge (x), 2 b']) {
        expect((await call(proxy.url, { headers: { via } })).status, via).to.equal(508);
      }
    });

    it('adds nothing with via: false', async () => {
      const upstream = await startUpstream(text('ok'));
      const proxy = await start({ via: false });
      proxy.to.url = upstream.url;
      await call(proxy.url);
      await call(proxy.url, { headers: { via: '1.1 first' } });
      expect(upstream.requests.map(({ headers }) => headers.via)).to.deep.equal([undefined, '1.1 first']);
    });

    it('answers 508 to a WebSocket that has come back', async () => {
      const proxy = await start();
      proxy.to.url = proxy.url;
      const socket = new WebSocket(proxy.url.replace('http', 'ws'));
      socket.on('error', () => {});
      const [, response] = await once(socket, 'unexpected-response');
      expect(response.statusCode).to.equal(508);
    });

    it('ends a loop of the copies that are sent to forward', async () => {
      const upstream = await startUpstream(text('ok'));
      const forwards = { url: '' };
      const proxy = await serve((req, res, next) => {
        const last = openForward({ target: upstream.url, forward: forwards.url, transport, via: 'edge' });
        void last(req, res, next);
      });
      forwards.url = proxy.url;
      expect((await call(proxy.url)).text).to.equal('ok');
      expect(upstream.requests).to.have.length(1);
    });

    it('answers 508 before a limit or a cache hears of it', async () => {
      const to = { url: '' };
      const handler = resilientProxy({
        name: 'a',
        router: () => to.url,
        transport,
        retry: false,
        cache: { mode: 'ttl', statuses: [508] },
        rateLimit: { limit: 1, windowMs: 60_000 },
      });
      onCleanup(() => handler.close());
      const proxy = await serve(handler);
      to.url = proxy.url;
      expect((await call(proxy.url)).status).to.equal(508);
    });
  });
}

describe('forward() and via', () => {
  it('refuses what no sender may be called', () => {
    for (const via of ['', 'a b', 'a,b', 'a(b)', true as unknown as false]) {
      expect(() => forward({ target: 'http://a.example', via })).to.throw(InvalidOptionError);
    }
  });
});
