import { createSecureServer } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { call, type TargetResponse } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { forwardsThatTrust } from '../../support/forwards-that-trust.js';
import { listening } from '../../support/listening.js';
import { credentials } from '../../support/tls.js';
import { json, startUpstream, type UpstreamResponse } from '../../support/upstream.js';

/** Responds with the server name of the client's TLS handshake. */
const serverName: UpstreamResponse = (req, res) => {
  const name = Reflect.get(req.socket as TLSSocket, 'servername');
  res.end(JSON.stringify({ servername: name, host: req.headers.host }));
};
const HOST = { host: 'client.example' };

function expectTlsError(response: TargetResponse, proxyStatus: string): void {
  expect(response.status).to.equal(502);
  expect(response.json()).to.have.property('code', 'ERR_UPSTREAM_TLS');
  expect(response.headers['proxy-status']).to.equal(`resilient-proxy-out; error=${proxyStatus}`);
}

for (const transport of TRANSPORTS) {
  describe(`forward() and TLS, transport ${transport}`, () => {
    it('answers 502 ERR_UPSTREAM_TLS when the certificate is not trusted', async () => {
      const upstream = await startUpstream(json({}), { tls: credentials() });
      const proxy = await startForward({ target: upstream.url, transport });
      expectTlsError(await call(proxy.url), 'tls_certificate_error');
      expect(upstream.requests).to.have.length(0);
    });

    it('takes any certificate with secure: false', async () => {
      const upstream = await startUpstream(json({ ok: true }), { tls: credentials() });
      const proxy = await startForward({ target: upstream.url, transport, secure: false });
      for (let i = 0; i < 3; i++) expect((await call(proxy.url)).json()).to.deep.equal({ ok: true });
      expect(upstream.connections.total).to.equal(1);
    });

    it('answers 502 ERR_UPSTREAM_TLS when the target speaks no TLS', async () => {
      const plain = await startUpstream(json({}));
      const proxy = await startForward({ target: plain.url.replace('http', 'https'), transport });
      expectTlsError(await call(proxy.url), 'tls_protocol_error');
    });

    it('uses the target’s name for SNI, whatever Host the client sent', async () => {
      const upstream = await startUpstream(serverName, { tls: credentials() });
      const target = `https://localhost:${upstream.port}`;
      const kept = await startForward({ target, transport, secure: false });
      expect((await call(kept.url, { headers: HOST })).json()).to.deep.equal({
        servername: 'localhost',
        host: 'client.example',
      });
      const changed = await startForward({ target, transport, secure: false, changeOrigin: true });
      expect((await call(changed.url, { headers: HOST })).json()).to.deep.equal({
        servername: 'localhost',
        host: `localhost:${upstream.port}`,
      });
    });

    it('sends no SNI if the target is an address', async () => {
      const upstream = await startUpstream(serverName, { tls: credentials() });
      const proxy = await startForward({ target: upstream.url, transport, secure: false });
      expect((await call(proxy.url, { headers: HOST })).json()).to.deep.equal({
        servername: false,
        host: 'client.example',
      });
    });

    it('keeps one connection for clients that send different Host headers', async () => {
      const upstream = await startUpstream(serverName, { tls: credentials() });
      const proxy = await startForward({
        target: `https://localhost:${upstream.port}`,
        transport,
        secure: false,
      });
      for (const host of ['a.example', 'b.example', 'a.example'])
        await call(proxy.url, { headers: { host } });
      expect(upstream.connections.total).to.equal(1);
    });

    it('speaks HTTP/1.1 to a target that offers HTTP/2', async () => {
      const versions: string[] = [];
      const server = createSecureServer({ ...credentials(), allowHTTP1: true }, (req, res) => {
        versions.push(req.httpVersion);
        res.end();
      });
      const { port } = await listening(server);
      const proxy = await startForward({ target: `https://127.0.0.1:${port}`, transport, secure: false });
      expect((await call(proxy.url)).status).to.equal(200);
      expect(versions).to.deep.equal(['1.1']);
    });

    it('checks the certificate for the name of the target, not for Host', async () => {
      const [own, other] = [credentials('DNS:localhost'), credentials('DNS:client.example')];
      const upstream = await startUpstream(json({ ok: true }), { tls: own });
      const impostor = await startUpstream(json({}), { tls: other });
      const [right, wrong] = await forwardsThatTrust(
        [own.ca, other.ca],
        { target: `https://localhost:${upstream.port}`, transport },
        { target: `https://localhost:${impostor.port}`, transport },
      );
      expect((await call(`http://127.0.0.1:${right}`, { headers: HOST })).json()).to.deep.equal({ ok: true });
      expectTlsError(await call(`http://127.0.0.1:${wrong}`, { headers: HOST }), 'tls_certificate_error');
      expect(impostor.requests).to.have.length(0);
    });

    it('checks the certificate for an address', async () => {
      const [own, other] = [credentials('IP:127.0.0.1'), credentials('DNS:client.example')];
      const upstream = await startUpstream(json({ ok: true }), { tls: own });
      const impostor = await startUpstream(json({}), { tls: other });
      const [right, wrong] = await forwardsThatTrust(
        [own.ca, other.ca],
        { target: upstream.url, transport },
        { target: impostor.url, transport },
      );
      expect((await call(`http://127.0.0.1:${right}`, { headers: HOST })).json()).to.deep.equal({ ok: true });
      expectTlsError(await call(`http://127.0.0.1:${wrong}`, { headers: HOST }), 'tls_certificate_error');
    });
  });
}

describe('forward() with ca', () => {
  it('trusts the authority', async () => {
    const own = credentials();
    const upstream = await startUpstream(json({ ok: true }), { tls: own });
    const proxy = await startForward({ target: upstream.url, ...{ ca: own.ca } });
    expect((await call(proxy.url)).json()).to.deep.equal({ ok: true });
  });
});
