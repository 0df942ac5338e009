import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { call } from '../../support/client.js';
import { type ConnectProxy, startConnectProxy } from '../../support/connect-proxy.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rotating } from '../../support/rotating.js';
import { credentials } from '../../support/tls.js';
import { startUpstream, text } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() with a pool of ten, half of it broken, transport ${transport}`, () => {
    it('lets no client see it, and dials what is broken once a cool-down', async () => {
      const target = await startUpstream(
        (req, res) => {
          const banned = String(req.socket.remoteAddress).endsWith('.9');
          res.writeHead(200, { 'content-type': 'text/html' }).end(banned ? '<p id="captcha">' : 'ok');
        },
        { tls: credentials() },
      );
      const rogue = await startUpstream(text('rogue'), { tls: credentials('DNS:elsewhere.test') });
      const broken = await Promise.all([
        startConnectProxy((open) => open(undefined, rogue.port)),
        startConnectProxy((_open, client) => {
          client.write('HTTP/1.1 200 Connection established\r\n\r\n');
          client.once('data', () => client.destroy());
        }),
        startConnectProxy(() => {}),
        startConnectProxy((_open, client) => client.end('HTTP/1.1 407 Who are you\r\n\r\n')),
      ]);
      const banned = await startForwardProxy({ from: '127.0.0.9' });
      const good = await Promise.all(Array.from({ length: 5 }, () => startConnectProxy()));
      const { rotate, events, advance } = rotating({
        proxies: [...broken, banned, ...good].map(({ url }) => url),
        connectTimeoutMs: 2000,
        banWhen: { status: [403], text: ['id="captcha"'] },
      });
      const guard = breaker({ failureThreshold: 1 });
      const options = { target: target.url, transport, ca: credentials().ca };
      const { url } = await startForward(options, guard, rotate);
      const burst = async (): Promise<Set<string>> => {
        const responses = await Promise.all(Array.from({ length: 64 }, () => call(url)));
        return new Set(responses.map((response) => `${response.status} ${response.text}`));
      };
      const dials = (): number[] => broken.map(({ connects }: ConnectProxy) => connects.length);
      for (let i = 0; i < 3; i++) expect(await burst()).to.deep.equal(new Set(['200 ok']));
      expect(dials()).to.deep.equal([1, 1, 1, 1]);
      expect(events).to.have.length(5);
      advance(30_001);
      for (let i = 0; i < 2; i++) expect(await burst()).to.deep.equal(new Set(['200 ok']));
      expect(dials()).to.deep.equal([2, 2, 2, 2]);
      expect(guard.state).to.equal('CLOSED');
    });

    it('is back at once after an outage of the target, since no proxy was to blame', async () => {
      const target = await startUpstream(text('back'));
      let isDown = true;
      // What real proxies say of a target that refuses them.
      const proxies = await Promise.all(
        Array.from({ length: 10 }, () =>
          startConnectProxy((open, client) =>
            isDown ? client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n') : open(),
          ),
        ),
      );
      const { rotate, events } = rotating({ proxies: proxies.map(({ url }) => url) });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      for (let i = 0; i < 20; i++)
        expect((await call(url)).json()).to.have.property('code', 'ERR_UPSTREAM_CONNECT');
      isDown = false;
      expect((await call(url)).text).to.equal('back');
      expect(events).to.deep.equal([]);
    });
  });
}
