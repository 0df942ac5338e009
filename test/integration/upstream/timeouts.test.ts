import { expect } from 'chai';
import { bigBody } from '../../support/bytes.js';
import { begin, call, endingOf, keepAliveAgent, open, type TargetResponse } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { until } from '../../support/until.js';
import { json, silence, startUpstream } from '../../support/upstream.js';

/** Late by at most one tick of the clock and the delay of a busy machine. */
const LATE_MS = 400;

async function timed(
  response: Promise<TargetResponse>,
): Promise<{ response: TargetResponse; tookMs: number }> {
  const begunAt = performance.now();
  return { response: await response, tookMs: performance.now() - begunAt };
}

function expectTimeout(
  { response, tookMs }: { response: TargetResponse; tookMs: number },
  limitMs: number,
): void {
  expect(response.status).to.equal(504);
  expect(response.json()).to.have.property('code', 'ERR_UPSTREAM_TIMEOUT');
  expect(response.headers['proxy-status']).to.equal('resilient-proxy-out; error=http_response_timeout');
  expect(tookMs).to.be.within(limitMs - 5, limitMs + LATE_MS);
}

for (const transport of TRANSPORTS) {
  describe(`forward() with requestTimeoutMs, transport ${transport}`, () => {
    const requestTimeoutMs = 150;

    it('answers 504 when the target accepts the request and never responds', async () => {
      const upstream = await startUpstream(silence);
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs });
      expectTimeout(await timed(call(proxy.url)), requestTimeoutMs);
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close');
    });

    it('answers 504 when the target accepts the connection and reads nothing', async () => {
      const upstream = await startRawUpstream(({ socket }) => socket.pause());
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs });
      expectTimeout(await timed(call(proxy.url)), requestTimeoutMs);
    });

    it('answers 504 when the head drips in byte by byte', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        const head = 'HTTP/1.1 200 OK\r\nX-Slow: yes, very slow indeed\r\nContent-Length: 0\r\n\r\n';
        let sent = 0;
        const drip = setInterval(() => connection.write(head.charAt(sent++)), 20);
        connection.socket.on('close', () => clearInterval(drip));
      });
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs });
      expectTimeout(await timed(call(proxy.url)), requestTimeoutMs);
    });

    it('is not extended by interim responses', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        const nudge = setInterval(() => connection.write('HTTP/1.1 102 Processing\r\n\r\n'), 30);
        connection.socket.on('close', () => clearInterval(nudge));
      });
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs });
      const begun = await timed(call(proxy.url));
      expectTimeout(begun, requestTimeoutMs);
      expect(begun.response.information.length).to.be.above(0);
    });

    it('counts an upload that stalls because the target does not read', async () => {
      const upstream = await startRawUpstream(({ socket }) => socket.pause());
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs });
      const body = bigBody(100 * 1024 * 1024);
      expectTimeout(
        await timed(call(proxy.url, { method: 'POST', body, agent: keepAliveAgent() })),
        requestTimeoutMs,
      );
    });

    it('does not limit the body of the response', async () => {
      const upstream = await startUpstream((_req, res) => {
        res.write('begin ');
        setTimeout(() => res.end('end'), requestTimeoutMs * 2).unref();
      });
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs });
      expect((await call(proxy.url)).text).to.equal('begin end');
    });

    it('leaves the connections usable', async () => {
      const upstream = await startUpstream([silence, json({ ok: true })]);
      const proxy = await startForward({ target: upstream.url, transport, requestTimeoutMs, connections: 1 });
      expect((await call(proxy.url)).status).to.equal(504);
      for (let i = 0; i < 5; i++) expect((await call(proxy.url)).status).to.equal(200);
    });
  });

  describe(`forward() with bodyTimeoutMs, transport ${transport}`, () => {
    it('breaks the client’s response off when the body stops', async () => {
      const upstream = await startUpstream((_req, res) => void res.writeHead(200).write('begin'));
      const proxy = await startForward({ target: upstream.url, transport, bodyTimeoutMs: 300 });
      const begunAt = performance.now();
      const { res } = await open(proxy.url);
      expect(await endingOf(res)).to.deep.equal({ bytes: 5, clean: false });
      // undici's clock for this is coarse.
      expect(performance.now() - begunAt).to.be.within(295, 2500);
      await until(() => upstream.connections.closed === 1, 'the upstream connection to close');
    });

    it('lets a body flow for longer than that', async () => {
      const upstream = await startUpstream((_req, res) => {
        let left = 8;
        const drip = setInterval(() => {
          if (left-- > 0) return void res.write('x');
          clearInterval(drip);
          res.end();
        }, 100);
      });
      const proxy = await startForward({ target: upstream.url, transport, bodyTimeoutMs: 500 });
      expect((await call(proxy.url)).text).to.equal('xxxxxxxx');
    });

    it('does not count the time in which the client does not read', async () => {
      const upstream = await startUpstream((_req, res) => void bigBody(40 * 1024 * 1024).pipe(res));
      const proxy = await startForward({ target: upstream.url, transport, bodyTimeoutMs: 300 });
      const { res } = await open(proxy.url);
      res.pause();
      // undici's clock for this is a coarse one.
      const pauseMs = transport === 'undici' ? 1500 : 600;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      expect(await endingOf(res)).to.deep.equal({ bytes: 40 * 1024 * 1024, clean: true });
    });

    it('does not limit the wait for the head', async () => {
      const upstream = await startUpstream(
        (_req, res) => void setTimeout(() => res.end('late'), 700).unref(),
      );
      const proxy = await startForward({ target: upstream.url, transport, bodyTimeoutMs: 200 });
      expect((await call(proxy.url)).text).to.equal('late');
    });
  });
}

for (const transport of TRANSPORTS) {
  describe(`forward() with timeout, transport ${transport}`, () => {
    it('closes a connection on which nothing moves, and frees the target’s', async () => {
      const upstream = await startUpstream(silence);
      const proxy = await startForward({ target: upstream.url, transport, timeout: 100 });
      expect(await call(proxy.url).catch(({ code }) => code)).to.equal('ECONNRESET');
      await until(() => upstream.connections.open === 0);
    });

    it('leaves one listener on a connection, however many calls it carries', async () => {
      const upstream = await startUpstream(json({ ok: true }));
      const proxy = await startForward({ target: upstream.url, transport, timeout: 5000 });
      const agent = keepAliveAgent();
      const seen = new Set<number>();
      proxy.server.on('request', (req) => seen.add(req.socket.listenerCount('timeout')));
      for (let i = 0; i < 15; i++) await call(proxy.url, { agent });
      expect(Math.max(...seen)).to.be.at.most(2);
    });
  });
}

describe('forward() with proxyTimeout', () => {
  it('answers 504 when the target is silent', async () => {
    const upstream = await startUpstream(silence);
    const proxy = await startForward({ target: upstream.url, proxyTimeout: 100 });
    const response = await call(proxy.url);
    expect(response.status).to.equal(504);
    expect(response.json()).to.have.property('code', 'ERR_UPSTREAM_TIMEOUT');
  });

  it('breaks off a response that stops in the middle', async () => {
    const upstream = await startUpstream((_req, res) => void res.writeHead(200).write('half'));
    const proxy = await startForward({ target: upstream.url, proxyTimeout: 100 });
    expect(await endingOf((await open(proxy.url)).res)).to.deep.equal({ bytes: 4, clean: false });
  });
});

describe('forward() with upgradeTimeout', () => {
  it('answers 504 when the target does not respond to an upgrade', async () => {
    const upstream = await startRawUpstream(() => {});
    const proxy = await startForward({ target: upstream.url, upgradeTimeout: 100 });
    const client = await rawClient(proxy.port);
    client.send(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    expect(await client.untilClosed()).to.match(/^HTTP\/1\.1 504 .*ERR_UPSTREAM_TIMEOUT/s);
  });
});

describe('forward() with connections, transport undici', () => {
  it('leaves the pool usable when a call that waits for a connection is abandoned', async () => {
    let finish = (): void => {};
    const upstream = await startUpstream([
      (_req, res) => {
        res.writeHead(200).flushHeaders();
        finish = () => res.end('first');
      },
      json({ ok: true }),
    ]);
    const proxy = await startForward({ target: upstream.url, transport: 'undici', connections: 1 });
    const first = await open(proxy.url);
    const queued = [begin(proxy.url), begin(proxy.url)];
    await until(() => proxy.connections.open === 3);
    const last = call(`${proxy.url}/last`);
    for (const req of queued) req.destroy();
    await until(() => proxy.connections.open === 2);
    finish();

    expect((await endingOf(first.res)).clean).to.equal(true);
    expect((await last).json()).to.deep.equal({ ok: true });
    expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/', '/last']);
    expect(upstream.connections.total).to.equal(1);
  });
});
