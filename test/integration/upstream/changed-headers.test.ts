import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { cache } from '../../../lib/cache/cache.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { stats } from '../../../lib/stats/stats.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, valuesOf } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { http2Call, http2Client, serveHttp2 } from '../../support/http2.js';
import { serve, serveApp } from '../../support/serve.js';
import { eventOf } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

type Headers = IncomingMessage['headers'];

/** A middleware of the application, as those that know a user. */
const changing =
  (change: (headers: Headers) => void): Handler =>
  (req, _res, next) => {
    change(req.headers);
    next();
  };

for (const transport of TRANSPORTS) {
  describe(`what a middleware in front changes in req.headers, transport ${transport}`, () => {
    async function start(change: (headers: Headers) => void) {
      const upstream = await startUpstream(text('ok'));
      const target = openForward({ target: upstream.url, transport });
      const app = await serveApp((req, res) => {
        change(req.headers);
        return target(req, res);
      });
      /** The values with which it arrives. */
      const arrives = (name: string) => valuesOf(upstream.requests.at(-1)?.rawHeaders ?? [], name);
      return { url: app.url, arrives, upstream };
    }

    it('is what the target receives: set, replaced, deleted', async () => {
      const { url, arrives } = await start((headers) => {
        headers['x-user'] = 'ann';
        headers['x-scopes'] = ['read', 'write'];
        headers.accept = 'text/plain';
        delete headers.authorization;
        headers.cookie = undefined;
      });
      const headers = { Authorization: 'Bearer s3cret', Cookie: 'sid=1', Accept: '*/*', 'X-Other': 'stays' };
      await call(url, { headers });
      expect(
        ['x-user', 'x-scopes', 'accept', 'authorization', 'cookie', 'x-other'].map(arrives),
      ).to.deep.equal([['ann'], ['read', 'write'], ['text/plain'], [], [], ['stays']]);
    });

    it('beats what the client sends in another letter case', async () => {
      const { url, arrives } = await start((headers) => {
        headers['X-User'] = 'ann';
      });
      await call(url, { headers: { 'x-user': 'root' } });
      expect(arrives('x-user')).to.deep.equal(['ann']);
    });

    it('leaves repeated lines as they came, and replaces all of them where they changed', async () => {
      const { url, arrives } = await start((headers) => {
        headers['x-user'] = 'ann';
        headers['x-forwarded-for'] = '10.0.0.1';
      });
      const headers = { 'X-List': ['a', 'b'], 'X-Forwarded-For': ['1.1.1.1', '2.2.2.2'] };
      await call(url, { headers });
      expect([arrives('x-list'), arrives('x-forwarded-for')]).to.deep.equal([['a', 'b'], ['10.0.0.1']]);
    });

    it('does not change how the message is framed', async () => {
      const { url, arrives, upstream } = await start((headers) => {
        headers['content-length'] = '1';
        headers['x-user'] = 'ann';
      });
      const { status } = await call(url, { method: 'POST', body: 'hello' });
      expect([status, upstream.requests[0]?.body.toString()]).to.deep.equal([200, 'hello']);
      expect([arrives('x-user'), arrives('content-length')]).to.deep.equal([['ann'], ['5']]);
    });

    it('fails the call alone where HTTP does not allow it', async () => {
      const { url, upstream } = await start((headers) => {
        if (headers['x-snowman']) headers['x-user'] = 'Zoë ☃';
        if (headers['x-bad']) headers['x-user'] = 'ann\r\nx-admin: 1';
      });
      for (const name of ['x-bad', 'x-snowman']) {
        const bad = await call(url, { headers: { [name]: '1' } });
        const { code, error } = bad.json() as Record<string, string>;
        expect([bad.status, code, error]).to.deep.equal([
          ...[500, 'ERR_INTERNAL'],
          'A middleware has set the request header "x-user" to what HTTP does not allow',
        ]);
      }
      expect([(await call(url)).status, upstream.requests.length]).to.deep.equal([200, 1]);
    });

    it('cannot be taken away by the client, in Connection', async () => {
      const { url, arrives } = await start((headers) => {
        headers['x-user'] = 'ann';
      });
      await call(url, {
        headers: { 'x-user': 'root', 'x-hop': '1', connection: 'keep-alive, x-user, x-hop' },
      });
      expect([arrives('x-user'), arrives('x-hop')]).to.deep.equal([['ann'], []]);
    });

    it('counts between two middlewares of ours, and in a function among the options', async () => {
      const upstream = await startUpstream(text('ok'));
      const counting = stats({ name: 'x' });
      onCleanup(() => counting.close());
      const router = ({ headers }: IncomingMessage) => {
        headers['x-routed'] = 'yes';
        return upstream.url;
      };
      const { url } = await startForward(
        { target: upstream.url, router, transport },
        counting,
        changing((headers) => {
          headers['x-user'] = 'ann';
        }),
      );
      await call(url);
      const { rawHeaders = [] } = upstream.requests[0] ?? {};
      expect([valuesOf(rawHeaders, 'x-user'), valuesOf(rawHeaders, 'x-routed')]).to.deep.equal([
        ['ann'],
        ['yes'],
      ]);
    });

    it('counts in a stage of resilientProxy(), and in front of it', async () => {
      const upstream = await startUpstream(text('ok'));
      const proxy = resilientProxy({
        name: 'x',
        target: upstream.url,
        transport,
        stages: [
          {
            after: 'cache',
            handler: changing((headers) => {
              headers['x-late'] = 'yes';
            }),
          },
        ],
      });
      onCleanup(() => proxy.close());
      const app = await serveApp((req, res) => {
        delete req.headers.authorization;
        proxy(req, res);
      });
      await call(app.url, { headers: { authorization: 'Bearer s3cret' } });
      const { rawHeaders = [] } = upstream.requests[0] ?? {};
      expect([valuesOf(rawHeaders, 'authorization'), valuesOf(rawHeaders, 'x-late')]).to.deep.equal([
        [],
        ['yes'],
      ]);
    });

    it('reaches the target with HTTP/2 in front', async () => {
      const upstream = await startUpstream(text('ok'));
      const target = openForward({ target: upstream.url, transport });
      const { url } = await serveHttp2((req, res) => {
        req.headers['x-user'] = 'ann';
        delete req.headers.authorization;
        return target(req, res);
      });
      const cookie = ['a=1', 'b=2'];
      await http2Call(http2Client(url), { ':path': '/', authorization: 'Bearer s3cret', cookie });
      const { rawHeaders = [] } = upstream.requests[0] ?? {};
      expect(['x-user', 'authorization', 'cookie'].map((name) => valuesOf(rawHeaders, name))).to.deep.equal([
        ['ann'],
        [],
        ['a=1; b=2'],
      ]);
      expect(rawHeaders.filter((name) => name.startsWith(':'))).to.deep.equal([]);
    });
  });
}

describe('what a middleware in front changes in req.headers', () => {
  it('is in the key of a stored response: a user that it sets, a credential that it deletes', async () => {
    const upstream = await startUpstream((req, res) => res.end(`for ${req.headers.authorization ?? 'all'}`));
    const stage = cache({ ttlMs: 60_000 });
    onCleanup(() => stage.close());
    const target = openForward({ target: upstream.url });
    const app = await serveApp((req, res) => {
      const { user } = req.headers;
      delete req.headers.user;
      delete req.headers.authorization;
      if (user) req.headers.authorization = `Bearer ${String(user)}`;
      stage(req, res, () => void target(req, res));
    });
    const get = async (headers: Record<string, string>) => (await call(app.url, { headers })).text;
    expect(await get({ user: 'ann' })).to.equal('for Bearer ann');
    expect(await get({ user: 'bob' })).to.equal('for Bearer bob');
    expect(await get({ authorization: 'Bearer client' })).to.equal('for all');
    expect(await get({ authorization: 'Bearer other' })).to.equal('for all');
    expect(await get({ user: 'ann' })).to.equal('for Bearer ann');
    expect(upstream.requests).to.have.length(3);
  });

  it('is in the handshake of a WebSocket', async () => {
    const upstream = await startUpstream(text('ok'));
    const target = openForward({ target: upstream.url });
    const app = await serve(target, {
      upgrade: (req, socket, head) => {
        req.headers['x-user'] = 'ann';
        delete req.headers.authorization;
        target.upgrade(req, socket, head);
      },
    });
    const socket = new WebSocket(app.url.replace('http', 'ws'), {
      headers: { authorization: 'Bearer s3cret' },
    });
    await eventOf(socket, 'unexpected-response').catch(() => {});
    const { rawHeaders = [] } = upstream.requests[0] ?? {};
    expect([valuesOf(rawHeaders, 'x-user'), valuesOf(rawHeaders, 'authorization')]).to.deep.equal([
      ['ann'],
      [],
    ]);
  });
});
