import { expect } from 'chai';
import express, { type RequestHandler } from 'express';
import { breaker, type Handler, resilientProxy } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { http2Call, http2Client, serveHttp2 } from '../../support/http2.js';
import { serveApp } from '../../support/serve.js';
import { json, startUpstream } from '../../support/upstream.js';

/** A login in front: the target gets a token of its own, and nothing of the session. */
const login: Handler = (req, _res, next) => {
  req.headers.authorization = `Bearer ${req.headers['x-user']}`;
  req.headers['x-tenant'] = 'acme';
  delete req.headers['x-session'];
  next();
};

const sentBy = (user: string) => ({
  'x-user': user,
  'x-session': 's',
  authorization: 'Basic x',
  'x-kept': '1',
});
const RECEIVED = { authorization: 'Bearer ann', 'x-tenant': 'acme', 'x-kept': '1', 'x-user': 'ann' };

for (const transport of TRANSPORTS) {
  describe(`headers that a middleware in front has changed, transport ${transport}`, () => {
    const receivedBehind = async (...stages: RequestHandler[]) => {
      const upstream = await startUpstream(json({ ok: true }));
      const app = express().use(...stages, openForward({ target: upstream.url, transport }));
      await call((await serveApp(app)).url, { headers: sentBy('ann') });
      return upstream.requests[0]?.headers;
    };

    it('are sent as it has left them', async () => {
      expect(await receivedBehind(login))
        .to.include(RECEIVED)
        .and.not.have.property('x-session');
    });

    it('are sent from between two middlewares of this package', async () => {
      expect(await receivedBehind(breaker(), login))
        .to.include(RECEIVED)
        .and.not.have.property('x-session');
    });

    it('are sent from a stage of resilientProxy()', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const stages = [{ before: 'forward' as const, handler: login }];
      const proxy = resilientProxy({ name: 'x', target: upstream.url, transport, stages });
      onCleanup(() => proxy.close());
      await call((await serveApp(express().use(proxy))).url, { headers: sentBy('ann') });
      expect(upstream.requests[0]?.headers).to.include(RECEIVED).and.not.have.property('x-session');
    });

    it('are sent from a request of HTTP/2', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const last = openForward({ target: upstream.url, transport });
      const { url } = await serveHttp2((req, res) => login(req, res, () => void last(req, res)));
      await http2Call(http2Client(url), sentBy('ann'));
      expect(upstream.requests[0]?.headers).to.include(RECEIVED).and.not.have.property('x-session');
    });

    it('fail a call if they cannot be sent, for which the target is not to blame', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const proxy = resilientProxy({
        name: 'x',
        target: upstream.url,
        transport,
        breaker: { failureThreshold: 1 },
      });
      onCleanup(() => proxy.close());
      const named: RequestHandler = (req, _res, next) => {
        req.headers['x-name'] = 'Zoë ☃';
        next();
      };
      const response = await call((await serveApp(express().use(named, proxy))).url);
      expect([response.status, JSON.parse(response.text).code]).to.deep.equal([400, 'ERR_BAD_REQUEST']);
      expect(proxy.circuits.get('x')?.state).to.equal('CLOSED');
      expect(upstream.requests).to.have.length(0);
    });

    it('decide whose stored response it is', async () => {
      const upstream = await startUpstream((req, res) => res.end(req.headers.authorization));
      const cache = { ttlMs: 60_000 };
      const proxy = resilientProxy({ name: 'x', target: upstream.url, transport, cache });
      onCleanup(() => proxy.close());
      const { url } = await serveApp(express().use(login as RequestHandler, proxy));
      for (const user of ['ann', 'bob', 'ann'])
        expect((await call(url, { headers: sentBy(user) })).text).to.equal(`Bearer ${user}`);
      expect(upstream.requests).to.have.length(2);
    });
  });
}
