import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { begin, call, keepAliveAgent, open } from '../../support/client.js';
import { dialOpen, echoed, startEcho } from '../../support/echo.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { eventOf, until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { NO_ATTEMPT, NONE, type Scene, startScene } from './figures-scene.js';

/** Waits until a figure has a value: some are told only of what has lasted for a while. */
async function figureOf<T>(read: () => Promise<T>, value: T, what: string): Promise<void> {
  let seen: T | undefined;
  let asking = false;
  await until(() => {
    if (!asking) {
      asking = true;
      void read().then((now) => {
        seen = now;
        asking = false;
      });
    }
    return JSON.stringify(seen) === JSON.stringify(value);
  }, what);
}

const bytesOf = async ({ metric }: Scene) => [
  (await metric('request_bytes_total')).x ?? 0,
  (await metric('response_bytes_total')).x ?? 0,
];

for (const transport of TRANSPORTS) {
  describe(`what is in progress over the ${transport} transport`, () => {
    it('is told while it is: streams that are open, and their bytes', async () => {
      const open5: ServerResponse[] = [];
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
        open5.push(res);
      });
      const scene = await startScene({ target: upstream.url, transport });
      const { figures, metric, counted, url } = scene;
      const clients = await Promise.all(Array.from({ length: 5 }, () => open(url)));
      await Promise.all(clients.map(({ res }) => eventOf(res, 'data')));
      expect(await metric('streams_open')).to.deep.equal({ x: 5 });
      expect(await scene.open()).to.deep.equal({ calls: 5, streams: 5, webSockets: 0 });
      expect(await bytesOf(scene)).to.deep.equal([0, 45]);
      await figureOf(async () => (await figures()).bytesOut, 45, 'the bytes of the streams');
      expect(await figures()).to.include({ total: 0 });
      for (const res of open5) res.end('data: 2\n\n');
      await Promise.all(clients.map(({ res }) => eventOf(res.resume(), 'end')));
      const done = await counted(5);
      expect(done).to.include({ bytesOut: 90, total: 5 });
      expect(done.outcomes).to.deep.equal({ ...NONE, success: 5 });
      expect([done.streamTime.count, done.responseTime.count]).to.deep.equal([5, 5]);
      expect(done.streamTime.min, 'they were open for long').to.be.above(done.responseTime.max ?? 0);
      expect(await metric('streams_open')).to.deep.equal({});
      expect(await scene.open()).to.deep.equal({ calls: 0, streams: 0, webSockets: 0 });
      expect(await metric('stream_duration_seconds_count', 'kind')).to.deep.equal({ stream: 5 });
      expect(await bytesOf(scene)).to.deep.equal([0, 90]);
    });

    it('is told while it is: the bytes of an upload, each once', async () => {
      const upstream = await startUpstream((req, res) => void req.on('end', () => res.end('ok')));
      const scene = await startScene({ target: upstream.url, transport });
      const body = new PassThrough();
      const uploading = call(scene.url, { method: 'POST', body });
      body.write('x'.repeat(1000));
      await figureOf(async () => (await scene.figures()).bytesIn, 1000, 'the first bytes of the upload');
      expect(await bytesOf(scene)).to.deep.equal([1000, 0]);
      body.end('y'.repeat(500));
      await uploading;
      expect(await scene.counted(1)).to.include({ bytesIn: 1500, bytesOut: 2, total: 1 });
      expect(await bytesOf(scene)).to.deep.equal([1500, 2]);
    });

    it('has the bytes of each call, whether they come in chunks, with the head, or pipelined', async () => {
      const upstream = await startUpstream((req, res) => {
        req.on('end', () => res.end('z'.repeat(Number(req.url?.slice(1)))));
      });
      const scene = await startScene({ target: upstream.url, transport });
      const client = await rawClient(scene.port);
      const chunked = (path: string, bytes: number) =>
        `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `${bytes.toString(16)}\r\n${'y'.repeat(bytes)}\r\n0\r\n\r\n`;
      const sized = (path: string, bytes: number) =>
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n${'y'.repeat(bytes)}`;
      const plain = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
      client.send(
        [chunked('/10', 1000), sized('/20', 2000), plain('/30'), chunked('/40', 3), sized('/50', 0)].join(''),
      );
      const done = await scene.counted(5);
      expect([done.bytesIn, done.bytesOut]).to.deep.equal([3003, 150]);
      expect(await bytesOf(scene)).to.deep.equal([3003, 150]);
    });

    it('has the bytes of bodies alone on a connection that is used again', async () => {
      const upstream = await startUpstream((req, res) => void req.on('end', () => res.end('hello')));
      const scene = await startScene({ target: upstream.url, transport });
      const agent = keepAliveAgent();
      for (let i = 0; i < 3; i++) await call(scene.url, { agent, method: 'POST', body: 'abc' });
      await call(scene.url, { agent, method: 'HEAD' });
      expect(await scene.counted(4)).to.include({ bytesIn: 9, bytesOut: 15 });
      expect(await bytesOf(scene)).to.deep.equal([9, 15]);
    });
  });
}

describe('WebSockets in the figures', () => {
  it('count by their handshake; their life and bytes are figures of their own', async () => {
    const echo = await startEcho();
    const scene = await startScene({ target: echo.url, ws: true });
    const sockets = [await dialOpen(scene.port), await dialOpen(scene.port)];
    for (const socket of sockets) await echoed(socket, 'hello');
    // A frame of a client has six bytes before the text, that of a server two.
    const open = await scene.figures();
    expect([open.webSocketBytesIn, open.webSocketBytesOut]).to.deep.equal([2 * 11, 2 * 7]);
    expect(open.outcomes).to.deep.equal({ ...NONE, success: 2 });
    expect([open.webSocketTime.count, open.streamTime.count, open.responseTime.count]).to.deep.equal([
      0, 0, 2,
    ]);
    expect(await scene.metric('websockets_open')).to.deep.equal({ x: 2 });
    expect(await scene.open()).to.deep.equal({ calls: 0, streams: 0, webSockets: 2 });
    for (const socket of sockets) socket.close();
    await figureOf(async () => (await scene.figures()).webSocketTime.count, 2, 'the lives of the WebSockets');
    const closed = await scene.figures();
    expect(closed.webSocketTime.min).to.be.above(0);
    expect(closed).to.include({ total: 2, bytesIn: 0, bytesOut: 0 });
    expect(closed.webSocketBytesIn).to.equal((await scene.metric('websocket_bytes_total', 'direction')).in);
    expect(await scene.metric('stream_duration_seconds_count', 'kind')).to.deep.equal({ websocket: 2 });
  });
});

describe('what the cache asks for by itself', () => {
  for (const transport of TRANSPORTS) {
    it(`counts as attempts of the API over the ${transport} transport, also where clients get a stale copy`, async () => {
      let fails = false;
      const upstream = await startUpstream((_req, res) => {
        if (fails) res.writeHead(503).end('x');
        else res.writeHead(200, { 'cache-control': 'max-age=0, stale-while-revalidate=600' }).end('hello');
      });
      const scene = await startScene({ target: upstream.url, transport, cache: { mode: 'standard' } });
      await call(scene.url);
      fails = true;
      for (let i = 0; i < 4; i++) {
        expect((await call(scene.url)).text).to.equal('hello');
        await until(() => upstream.requests.length === 2 + i, 'the revalidation');
      }
      await scene.counted(5);
      await figureOf(async () => (await scene.figures()).attempts, 5, 'the last attempt');
      const done = await scene.figures();
      expect(done.outcomes).to.deep.equal({ ...NONE, success: 5 });
      expect(done).to.include({ total: 5, success: 5, failure: 0, attempts: 5, background: 4 });
      expect(done.attemptResults).to.include({ success: 1, failure: 4 });
      expect(done.upstreamTime.count).to.equal(5);
      expect(done.proxies).to.deep.equal({ direct: 5 });
    });

    it(`counts a failure behind a stale copy as one of the API over the ${transport} transport`, async () => {
      let fails = false;
      const upstream = await startUpstream((req, res) => {
        if (!fails) res.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=600' }).end('hello');
        else if (req.url === '/gone') req.socket.destroy();
        else res.writeHead(502).end('x');
      });
      const scene = await startScene({ target: upstream.url, transport, cache: { mode: 'standard' } });
      for (const path of ['/gone', '/bad']) await call(scene.url + path);
      fails = true;
      for (const path of ['/gone', '/bad']) expect((await call(scene.url + path)).text).to.equal('hello');
      const done = await scene.counted(4);
      expect(done.outcomes).to.deep.equal({ ...NONE, success: 4 });
      const { failure, otherFailure } = done.attemptResults;
      expect(failure).to.equal(2);
      // An idle connection that was closed is tried once more.
      expect(otherFailure).to.equal(done.attempts - 4);
    });
  }

  it('counts an attempt that goes on for others when its own client has left', async () => {
    let release: (() => void) | undefined;
    const upstream = await startUpstream((_req, res) => {
      release = () => void res.end('late');
    });
    const scene = await startScene({ target: upstream.url, cache: { ttlMs: 60_000 } });
    const leader = begin(scene.url);
    await until(() => upstream.requests.length === 1, 'the leader to arrive');
    const joined = call(scene.url);
    await figureOf(
      async () => (await scene.page()).value('resilient_proxy_calls_in_flight'),
      2,
      'both calls',
    );
    leader.destroy();
    const first = await scene.counted(1);
    expect(first.outcomes).to.deep.equal({ ...NONE, aborted: 1 });
    expect([first.attempts, first.attemptResults.success]).to.deep.equal([1, 0]);
    release?.();
    expect((await joined).text).to.equal('late');
    const done = await scene.counted(2);
    expect(done.outcomes).to.deep.equal({ ...NONE, aborted: 1, success: 1 });
    expect(done.attemptResults).to.deep.equal({ ...NO_ATTEMPT, success: 1 });
    expect([done.attempts, done.upstreamTime.count]).to.deep.equal([1, 1]);
  });
});
