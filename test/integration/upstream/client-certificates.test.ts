import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { loadConfig } from '../../../lib/config/load-config.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { listening } from '../../support/listening.js';
import { rotating } from '../../support/rotating.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { eventOf, until } from '../../support/until.js';
import { startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';

const server = credentials('DNS:api.internal,IP:127.0.0.1');
const client = credentials('DNS:client.internal');
const other = credentials('DNS:other.internal');

/** A server that accepts only clients whose certificate our authority has signed. */
const mutual = { key: server.key, cert: server.cert, ca: client.ca, requestCert: true };
/** A server that requests a certificate, and accepts clients without one. */
const asking = { ...mutual, rejectUnauthorized: false };
const identity = { ca: server.ca, cert: client.cert, key: client.key };

function seenOf(req: IncomingMessage) {
  const socket = req.socket as TLSSocket;
  const name = Reflect.get(socket, 'servername') as string | false;
  return { client: socket.getPeerCertificate().subjectaltname ?? 'none', servername: name || 'none' };
}

const tells: UpstreamResponse = (req, res) => void res.end(JSON.stringify(seenOf(req)));

/** A WebSocket server that sends each client its certificate's name and the server name it used. */
async function startSocketServer() {
  const tls = createServer(mutual);
  new WebSocketServer({ server: tls }).on('connection', (socket, req) =>
    socket.send(JSON.stringify(seenOf(req))),
  );
  const { port } = await listening(tls);
  return `https://127.0.0.1:${port}`;
}

async function firstMessage(port: number): Promise<unknown> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  onCleanup(() => socket.terminate());
  return JSON.parse(String(await eventOf(socket, 'message')));
}

for (const transport of TRANSPORTS) {
  describe(`forward() with certificates, transport ${transport}`, () => {
    it('sends its certificate to the target, and trusts the authority', async () => {
      const upstream = await startUpstream(tells, { tls: mutual });
      for (const options of [
        identity,
        { ca: [other.ca, server.ca], cert: Buffer.from(client.cert), key: Buffer.from(client.key) },
      ]) {
        const proxy = await startForward({ target: upstream.url, transport, ...options });
        expect((await call(proxy.url)).json()).to.deep.equal({
          client: 'DNS:client.internal',
          servername: 'none',
        });
        await call(proxy.url);
      }
      expect(upstream.connections.total).to.equal(2);
    });

    it('is refused by the target without one, and with one that another authority signed', async () => {
      const upstream = await startUpstream(tells, { tls: mutual });
      for (const options of [{ ca: server.ca }, { ca: server.ca, cert: other.cert, key: other.key }]) {
        const proxy = await startForward({ target: upstream.url, transport, ...options });
        expect((await call(proxy.url)).status).to.equal(502);
      }
      expect(upstream.requests).to.have.length(0);
    });

    it('says so when the target demands one by an alert behind the handshake (RFC 8446 §4.4.2.4)', async () => {
      const upstream = await startUpstream(tells, { tls: mutual });
      const proxy = await startForward({ target: upstream.url, transport, ca: server.ca });
      expect((await call(proxy.url)).json()).to.have.property('code', 'ERR_UPSTREAM_TLS');
    });

    it('uses servername for SNI and for the certificate check', async () => {
      const upstream = await startUpstream(tells, { tls: mutual });
      const target = `https://localhost:${upstream.port}`;
      const named = await startForward({ target, transport, ...identity, servername: 'api.internal' });
      expect((await call(named.url, { headers: { host: 'client.example' } })).json()).to.deep.equal({
        client: 'DNS:client.internal',
        servername: 'api.internal',
      });
      const misnamed = await startForward({ target, transport, ...identity, servername: 'web.internal' });
      const unnamed = await startForward({ target, transport, ...identity });
      for (const { url } of [misnamed, unnamed]) {
        expect((await call(url)).json()).to.have.property('code', 'ERR_UPSTREAM_TLS');
      }
    });

    it('sends it through an egress proxy, and not to the proxy', async () => {
      const upstream = await startUpstream(tells, { tls: mutual });
      const hop = credentials();
      const proxy = await startForwardProxy({ tls: hop });
      const { rotate } = rotating({ proxies: [{ url: proxy.url, ca: hop.ca }] });
      const options = { target: upstream.url, transport, ...identity, servername: 'api.internal' };
      const { url } = await startForward(options, rotate);
      expect((await call(url)).json()).to.deep.equal({
        client: 'DNS:client.internal',
        servername: 'api.internal',
      });
      expect(proxy.connects).to.have.length(1);
    });

    it('sends it in the handshake of a WebSocket', async () => {
      const target = await startSocketServer();
      const proxy = await startForward({ target, transport, ...identity, servername: 'api.internal' });
      expect(await firstMessage(proxy.port)).to.deep.equal({
        client: 'DNS:client.internal',
        servername: 'api.internal',
      });
    });

    it('sends it in the handshake of a WebSocket through an egress proxy', async () => {
      const target = await startSocketServer();
      const proxy = await startForwardProxy();
      const { rotate } = rotating({ proxies: [proxy.url] });
      const handler = openForward({ target, transport, ...identity, servername: 'api.internal' });
      const { port } = await serve(handler, {
        upgrade: (req, socket, head) => handler.upgrade(req, socket, head, rotate.policy()),
      });
      expect(await firstMessage(port)).to.deep.equal({
        client: 'DNS:client.internal',
        servername: 'api.internal',
      });
      expect(proxy.connects).to.have.length(1);
    });

    it('sends none to a target of copies', async () => {
      const names: unknown[] = [];
      const upstream = await startUpstream(tells, { tls: mutual });
      const copies = await startUpstream(
        (req, res) => {
          names.push(seenOf(req));
          res.end();
        },
        { tls: asking },
      );
      const options = { target: upstream.url, forward: copies.url, secure: false, transport };
      const proxy = await startForward({ ...options, ...identity, servername: 'api.internal' });
      expect((await call(proxy.url)).status).to.equal(200);
      await until(() => names.length === 1);
      expect(names).to.deep.equal([{ client: 'none', servername: 'none' }]);
    });

    it('uses what a router sets for one call', async () => {
      const upstream = await startUpstream(tells, { tls: asking });
      const proxy = await startForward({
        transport: transport === 'undici' ? 'auto' : transport,
        ca: server.ca,
        router: (req, _res, options) => {
          if (req.url === '/set') Object.assign(options, identity, { servername: 'api.internal' });
          return upstream.url;
        },
      });
      const of = async (path: string) => (await call(proxy.url + path)).json();
      expect(await of('/')).to.deep.equal({ client: 'none', servername: 'none' });
      expect(await of('/set')).to.deep.equal({ client: 'DNS:client.internal', servername: 'api.internal' });
      expect(await of('/')).to.deep.equal({ client: 'none', servername: 'none' });
    });
  });
}

describe('forward() with certificates and redirects', () => {
  const identified = { followRedirects: true, ...identity, servername: 'api.internal' };

  it('sends the certificate after a redirect within the origin', async () => {
    const upstream = await startUpstream([status(302, { location: '/there' }), tells], { tls: mutual });
    const proxy = await startForward({ target: upstream.url, ...identified });
    expect((await call(proxy.url)).json()).to.deep.equal({
      client: 'DNS:client.internal',
      servername: 'api.internal',
    });
    expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/', '/there']);
  });

  it('does so through an egress proxy', async () => {
    const upstream = await startUpstream([status(302, { location: '/there' }), tells], { tls: mutual });
    const hop = await startForwardProxy();
    const { rotate } = rotating({ proxies: [hop.url] });
    const proxy = await startForward({ target: upstream.url, ...identified }, rotate);
    expect((await call(proxy.url)).json()).to.include({ client: 'DNS:client.internal' });
  });

  it('sends none to another origin', async () => {
    const elsewhere = await startUpstream(tells, { tls: asking });
    const location = `${elsewhere.url}/file`;
    const upstream = await startUpstream(status(302, { location }), { tls: mutual });
    const options = { ...identified, redirectOrigins: '*' as const, secure: false };
    const proxy = await startForward({ target: upstream.url, ...options });
    expect((await call(proxy.url)).json()).to.deep.equal({ client: 'none', servername: 'none' });
  });
});

describe('the certificates of a configuration file', () => {
  it('are sent to the target, and read again when it is reloaded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'resilient-proxy-out-certificates-'));
    onCleanup(() => rmSync(folder, { recursive: true, force: true }));
    const put = (files: Record<string, string>) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    };
    const upstream = await startUpstream(tells, { tls: { ...mutual, ca: [client.ca, other.ca] } });
    const api = { target: upstream.url, ca: 'ca.pem', cert: 'client.pem', key: 'client.key' };
    put({ 'ca.pem': server.ca, 'client.pem': client.cert, 'client.key': client.key });
    put({ 'apis.json': JSON.stringify({ apis: { api } }) });
    const load = () => loadConfig(join(folder, 'apis.json')).config;
    const proxy = resilientProxy(load());
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy);
    expect((await call(`${url}/api/`)).json()).to.include({ client: 'DNS:client.internal' });
    expect(proxy.update(load()).changed).to.deep.equal({});
    put({ 'client.pem': other.cert, 'client.key': other.key });
    expect(proxy.update(load()).changed).to.deep.equal({ api: ['forward'] });
    expect((await call(`${url}/api/`)).json()).to.include({ client: 'DNS:other.internal' });
  });
});
