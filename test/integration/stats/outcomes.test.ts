import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { begin, call, endingOf, open } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { eventOf, until } from '../../support/until.js';
import { silence, startUpstream, status } from '../../support/upstream.js';
import { NO_ATTEMPT, NONE, startScene } from './figures-scene.js';

const breaksOff = (_req: IncomingMessage, res: ServerResponse): void => {
  res.writeHead(200, { 'content-length': 1000 });
  res.write('x', () => res.destroy());
};

const events = (_req: IncomingMessage, res: ServerResponse): void => {
  res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
};

for (const transport of TRANSPORTS) {
  const clientReads = new EventEmitter();

  describe(`the outcomes of calls over the ${transport} transport`, () => {
    it('are five, and each call is one of them', async () => {
      const ledger = { ...NONE };
      const upstream = await startUpstream((req, res) => {
        if (req.url === '/silent') return silence(req, res);
        if (req.url === '/cut') return breaksOff(req, res);
        if (req.url === '/hangup') return void req.socket.destroy();
        return status(Number(req.url?.slice(1)))(req, res);
      });
      const { url, counted, metric } = await startScene({
        target: upstream.url,
        transport,
        rateLimit: { limit: 9, windowMs: 600_000, learn: false },
      });
      // First, since an idle connection that is closed is another matter.
      expect((await call(`${url}/hangup`)).status).to.equal(502);
      ledger.failure++;
      for (const code of [200, 204, 302]) {
        expect((await call(`${url}/${code}`)).status).to.equal(code);
        ledger.success++;
      }
      for (const code of [401, 404]) {
        expect((await call(`${url}/${code}`)).status).to.equal(code);
        ledger.clientError++;
      }
      expect((await call(`${url}/503`)).status).to.equal(503);
      ledger.failure++;
      await call(`${url}/cut`).then(
        () => expect.fail('it broke off'),
        () => ledger.failure++,
      );
      const leaving = begin(`${url}/silent`);
      await until(() => upstream.requests.some(({ url }) => url === '/silent'), 'the call to arrive');
      leaving.destroy();
      ledger.aborted++;
      await counted(9);
      for (let i = 0; i < 4; i++) {
        expect((await call(`${url}/200`)).status).to.equal(429);
        ledger.refused++;
      }
      const figures = await counted(13);
      expect(figures.outcomes).to.deep.equal(ledger);
      expect(figures).to.include({ success: 9, failure: 3, aborted: 1, attempts: 9 });
      expect(figures.attemptResults).to.deep.equal({
        ...NO_ATTEMPT,
        ...{ success: 3, clientError: 2, failure: 3, abandoned: 1 },
      });
      const { clientError, ...others } = ledger;
      expect(await metric('call_outcomes_total', 'outcome')).to.deep.equal({
        client_error: clientError,
        ...others,
      });
    });

    it('refuse a call of a client that wants only what is cached, and do not blame the API', async () => {
      const upstream = await startUpstream(status(200));
      const { url, counted, metric } = await startScene({ target: upstream.url, transport, cache: {} });
      expect((await call(url, { headers: { 'cache-control': 'only-if-cached' } })).status).to.equal(504);
      const figures = await counted(1);
      expect(figures.outcomes).to.deep.equal({ ...NONE, refused: 1 });
      expect(figures).to.deep.include({ failure: 1, failedBy: { client: 1 }, attempts: 0 });
      expect(await metric('call_outcomes_total', 'outcome')).to.deep.equal({ refused: 1 });
    });

    it('do not hold it against an API that it had closed an idle connection', async () => {
      const upstream = await startUpstream((req, res) => {
        // The second request on the same connection meets one that is closed.
        if (req.url === '/again' && upstream.requests.length === 2) return void req.socket.destroy();
        res.end('hello');
      });
      const { url, counted, metric } = await startScene({ target: upstream.url, transport });
      await call(url);
      expect((await call(`${url}/again`)).text).to.equal('hello');
      const figures = await counted(2);
      expect(figures.outcomes).to.deep.equal({ ...NONE, success: 2 });
      expect(figures.attemptResults).to.deep.equal({ ...NO_ATTEMPT, success: 2, otherFailure: 1 });
      expect(await metric('attempts_failed_total', 'by')).to.deep.equal({ self: 1 });
    });

    it('count a client as aborted that leaves amid a response, and as served where that is an event stream', async () => {
      const upstream = await startUpstream((req, res) => {
        if (req.url === '/events') return events(req, res);
        res.writeHead(200, { 'content-length': 1000 }).write('x');
      });
      const { url, counted } = await startScene({ target: upstream.url, transport });
      for (const path of ['/events', '/body']) {
        const { req, res } = await open(url + path);
        await eventOf(res, 'data');
        req.destroy();
      }
      const figures = await counted(2);
      expect(figures.outcomes).to.deep.equal({ ...NONE, success: 1, aborted: 1 });
      expect(figures.attemptResults).to.deep.equal({ ...NO_ATTEMPT, success: 2 });
      expect(figures.streamTime.count).to.equal(1);
      expect(figures.responseTime.count, 'that of the stream').to.equal(1);
    });

    for (const [how, bytes] of [
      ['with a length', 'Content-Length: 1000\r\n\r\nx'],
      ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'],
      ['that its connection ends', 'Connection: close\r\n\r\nx'],
      ['of events', 'Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n:\r\n'],
    ] as const) {
      it(`tell a response ${how} that breaks off as a failure of the API`, async () => {
        const upstream = await startRawUpstream(async (connection) => {
          await connection.heads();
          connection.write(`HTTP/1.1 200 OK\r\n${bytes}`);
          // Once its client has some of it: a reset may overtake what was sent.
          clientReads.once('data', () => connection.reset());
        });
        const { url, proxy, counted, metric } = await startScene({
          target: upstream.url,
          transport,
          breaker: { failureThreshold: 3, failureRatio: false },
        });
        for (let i = 0; i < 3; i++) {
          const { res } = await open(url);
          res.once('data', () => clientReads.emit('data'));
          expect((await endingOf(res)).clean).to.equal(false);
        }
        const figures = await counted(3);
        expect(figures.outcomes).to.deep.equal({ ...NONE, failure: 3 });
        expect(figures.attemptResults).to.deep.equal({ ...NO_ATTEMPT, failure: 3 });
        expect(figures.failedBy).to.deep.equal({ target: 3 });
        expect(await metric('call_outcomes_total', 'outcome')).to.deep.equal({ failure: 3 });
        expect(await metric('attempts_failed_total', 'by')).to.deep.equal({ target: 3 });
        expect(await metric('responses_cut_total', 'api')).to.deep.equal({ x: 3 });
        expect(proxy.circuits.list()[0]).to.include({ state: 'OPEN' });
        expect((await call(url)).status).to.equal(503);
        expect((await counted(4)).outcomes).to.deep.equal({ ...NONE, failure: 3, refused: 1 });
      });
    }
  });

  describe(`the times of calls over the ${transport} transport`, () => {
    it('are the upstream time of attempts and the total time of calls, hits among these alone', async () => {
      const upstream = await startUpstream((req, res) => {
        setTimeout(() => res.end(`body of ${req.url}`), 60);
      });
      const { url, counted, metric } = await startScene({
        target: upstream.url,
        transport,
        cache: { ttlMs: 60_000 },
      });
      for (let round = 0; round < 3; round++) for (const path of ['/a', '/b']) await call(url + path);
      const { upstreamTime, responseTime } = await counted(6);
      expect([upstreamTime.count, responseTime.count]).to.deep.equal([2, 6]);
      expect(upstreamTime.min).to.be.at.least(59);
      expect(responseTime.min).to.be.below(59);
      expect(await metric('call_duration_seconds_count', 'verdict')).to.deep.equal({ miss: 2, hit: 4 });
      expect(await metric('call_duration_seconds_count', 'status_class')).to.deep.equal({ '2xx': 6 });
      expect(await metric('upstream_duration_seconds_count', 'api')).to.deep.equal({ x: 2 });
    });

    it('hold the time that clients have waited for an API that hangs', async () => {
      const upstream = await startUpstream(silence);
      const { url, counted, metric } = await startScene({ target: upstream.url, transport });
      const waiting = Array.from({ length: 4 }, () => begin(url));
      await until(() => upstream.requests.length === 4, 'all calls to reach the upstream');
      setTimeout(() => {
        for (const req of waiting) req.destroy();
      }, 100);
      const figures = await counted(4);
      expect(figures.outcomes).to.deep.equal({ ...NONE, aborted: 4 });
      expect([figures.responseTime.count, figures.upstreamTime.count]).to.deep.equal([4, 4]);
      expect(figures.responseTime.min).to.be.at.least(99);
      expect(figures.upstreamTime.min).to.be.at.least(99);
      expect(await metric('call_duration_seconds_count', 'status_class')).to.deep.equal({ aborted: 4 });
      expect(await metric('upstream_duration_seconds_count', 'api')).to.deep.equal({ x: 4 });
    });

    it('leave out of the upstream time what a client needs for its upload', async () => {
      const body = new PassThrough();
      body.write('slow');
      const upstream = await startUpstream((req, res) => {
        setTimeout(() => body.end('er'), 160);
        req.resume().on('end', () => res.end('ok'));
      });
      const { url, counted } = await startScene({ target: upstream.url, transport });
      await call(url, { method: 'POST', body });
      const { upstreamTime, responseTime, bytesIn } = await counted(1);
      expect(bytesIn).to.equal(6);
      expect(upstreamTime.count).to.equal(1);
      expect((responseTime.max ?? 0) - (upstreamTime.max ?? 0)).to.be.at.least(149);
    });
  });
}
