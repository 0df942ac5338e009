import { expect } from 'chai';
import express from 'express';
import { exchangeOf, type Handler, type RetryOptions, retry } from '../../../lib/index.js';
import { bigBody, digestOfBigBody, measure } from '../../support/bytes.js';
import { call, endingOf, open } from '../../support/client.js';
import { openForward, startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serveApp } from '../../support/serve.js';
import { until, within } from '../../support/until.js';
import { hangUp, startUpstream, status, text, type UpstreamResponse } from '../../support/upstream.js';

const QUICK: RetryOptions = { initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false };

for (const transport of TRANSPORTS) {
  describe(`retry() over the ${transport} transport`, () => {
    const start = (target: string, options: RetryOptions = QUICK) =>
      startForward({ target, transport }, retry(options));

    it('retries a call until it succeeds, and shows the client only that response', async () => {
      const upstream = await startUpstream([
        status(503, { 'x-from': 'first' }),
        status(500),
        text('at last'),
      ]);
      const { url } = await start(upstream.url);
      const response = await call(`${url}/x?y=1`);
      expect(response.status).to.equal(200);
      expect(response.text).to.equal('at last');
      expect(response.lines('x-from')).to.deep.equal([]);
      expect(upstream.requests.map(({ url }) => url)).to.deep.equal(['/x?y=1', '/x?y=1', '/x?y=1']);
    });

    it('passes the last failure on as it came, once the attempts are used up', async () => {
      const upstream = await startUpstream([status(500), status(502), status(503, { 'x-from': 'third' })]);
      const { url } = await start(upstream.url);
      const response = await call(url);
      expect([response.status, response.lines('x-from')]).to.deep.equal([503, ['third']]);
      expect(upstream.requests).to.have.length(3);
    });

    it('retries a POST with its body after a 429, with retryRateLimited', async () => {
      const bodies: string[] = [];
      const upstream = await startUpstream(
        (req, res) => {
          const chunks: Buffer[] = [];
          req.on('data', (chunk: Buffer) => chunks.push(chunk));
          req.on('end', () => {
            bodies.push(Buffer.concat(chunks).toString());
            res.writeHead(bodies.length < 2 ? 429 : 200).end();
          });
        },
        { readBody: false },
      );
      const { url } = await start(upstream.url, { ...QUICK, retryRateLimited: true });
      const { status: code } = await call(url, { method: 'POST', body: '{"prompt":"x"}' });
      expect(code).to.equal(200);
      expect(bodies).to.deep.equal(['{"prompt":"x"}', '{"prompt":"x"}']);
    });

    it('sends all of a 1 MB body each time', async () => {
      const digests: string[] = [];
      const response: UpstreamResponse = (req, res) => {
        void measure(req).then(({ digest }) => {
          digests.push(digest);
          res.writeHead(digests.length < 3 ? 503 : 200).end();
        });
      };
      const upstream = await startUpstream(response, { readBody: false });
      const { url } = await start(upstream.url);
      const size = 1024 * 1024;
      const { status: code } = await call(url, {
        method: 'PUT',
        body: bigBody(size),
        headers: { 'content-length': size },
      });
      expect(code).to.equal(200);
      expect(digests).to.deep.equal(Array(3).fill(digestOfBigBody(size)));
    });

    it('retries an upload that was refused before it was complete', async () => {
      let refused = false;
      const digests: string[] = [];
      const response: UpstreamResponse = (req, res) => {
        if (refused) {
          void measure(req).then(({ digest }) => {
            digests.push(digest);
            res.end();
          });
          return;
        }
        refused = true;
        req.once('data', () => res.writeHead(503, { connection: 'close' }).end());
      };
      const upstream = await startUpstream(response, { readBody: false });
      const { url } = await start(upstream.url);
      const size = 900 * 1024;
      const { status: code } = await call(url, { method: 'PUT', body: bigBody(size) });
      expect(code).to.equal(200);
      expect(digests).to.deep.equal([digestOfBigBody(size)]);
    });

    it('does not resend a body that was too large to keep', async () => {
      const upstream = await startUpstream(status(503));
      const { url } = await start(upstream.url, { ...QUICK, maxBodyBytes: 1000 });
      const { status: code } = await call(url, { method: 'PUT', body: bigBody(2000) });
      expect(code).to.equal(503);
      expect(upstream.requests.map(({ bytes }) => bytes)).to.deep.equal([2000]);
    });

    it('sends a POST only once, even if the upstream responds with 503', async () => {
      const upstream = await startUpstream([status(503), status(200)]);
      const { url } = await start(upstream.url);
      expect((await call(url, { method: 'POST', body: 'x' })).status).to.equal(503);
      expect(upstream.requests).to.have.length(1);
    });

    it('retries a POST with its body if the method is listed', async () => {
      const upstream = await startUpstream([status(503), status(200)]);
      const { url } = await start(upstream.url, { ...QUICK, methods: ['GET', 'POST'] });
      expect((await call(url, { method: 'POST', body: 'query' })).status).to.equal(200);
      expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(['query', 'query']);
    });

    it('waits for as long as Retry-After says', async () => {
      const at: number[] = [];
      const note =
        (response: UpstreamResponse): UpstreamResponse =>
        (req, res) => {
          at.push(performance.now());
          response(req, res);
        };
      const upstream = await startUpstream([note(status(503, { 'retry-after': '0.3' })), note(status(200))]);
      const { url } = await start(upstream.url);
      expect((await call(url)).status).to.equal(200);
      const [first = 0, second = 0] = at;
      expect(second - first).to.be.at.least(290);
    });

    it('passes a response on at once whose Retry-After is too long', async () => {
      const upstream = await startUpstream(status(503, { 'retry-after': '3600' }));
      const { url } = await start(upstream.url);
      const response = await call(url);
      expect([response.status, response.headers['retry-after']]).to.deep.equal([503, '3600']);
      expect(upstream.requests).to.have.length(1);
    });

    it('retries an upstream that hangs up or refuses', async () => {
      const upstream = await startUpstream([hangUp, text('ok')]);
      const { url } = await start(upstream.url);
      expect((await call(url)).text).to.equal('ok');
      const refusing = await start(`http://127.0.0.1:${await unusedPort()}`);
      expect((await call(refusing.url, { method: 'POST', body: 'x' })).json()).to.have.property(
        'code',
        'ERR_UPSTREAM_CONNECT',
      );
    });

    it('does not retry once the client has got the first byte', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
      });
      const { url } = await start(upstream.url);
      const { res } = await open(url);
      expect(await endingOf(res)).to.deep.equal({ bytes: 4, clean: false });
      expect(upstream.connections.total).to.equal(1);
    });

    it('stops when the client has left, during an attempt and between two', async () => {
      const upstream = await startUpstream(status(503));
      const policy = retry({ initialDelayMs: 60_000, totalTimeoutMs: 200_000, maxDelayMs: 60_000 });
      const { url, connections } = await startForward({ target: upstream.url, transport }, policy);
      const waiting = new Promise((resolve) => policy.on('retry', resolve));
      const leaving = new AbortController();
      const left = fetch(url, { signal: leaving.signal }).catch((error: Error) => error.name);
      await within(waiting, 'the wait before the second attempt');
      leaving.abort();
      expect(await left).to.equal('AbortError');
      await until(() => connections.open === 0);
      expect(upstream.requests).to.have.length(1);
    });

    it('makes more attempts than Node allows listeners', async () => {
      const upstream = await startUpstream(status(503));
      const { url } = await start(upstream.url, { ...QUICK, maxAttempts: 15 });
      expect((await call(url)).status).to.equal(503);
      expect(upstream.requests).to.have.length(15);
    });

    it('emits events that say why it goes on and why it stops', async () => {
      const upstream = await startUpstream(status(503));
      const policy = retry({ ...QUICK, maxAttempts: 2 });
      const events: unknown[] = [];
      policy.on('retry', ({ attemptsMade, because }) => events.push(['retry', attemptsMade, because]));
      policy.on('giveUp', ({ attemptsMade, because, stop }) =>
        events.push(['giveUp', attemptsMade, because, stop]),
      );
      const { url } = await startForward({ target: upstream.url, transport }, policy);
      await call(url);
      expect(events).to.deep.equal([
        ['retry', 1, '503'],
        ['giveUp', 2, '503', 'attempts'],
      ]);
    });
  });
}

describe('retry()', () => {
  it('waits twice as long after each attempt', async () => {
    const at: number[] = [];
    const upstream = await startUpstream((_req, res) => {
      at.push(performance.now());
      res.writeHead(at.length < 3 ? 503 : 200).end();
    });
    const { url } = await startForward({ target: upstream.url }, retry({ initialDelayMs: 100 }));
    expect((await call(url)).status).to.equal(200);
    const [first = 0, second = 0, third = 0] = at;
    expect(second - first).to.be.at.least(80);
    expect(third - second).to.be.at.least(160);
  });

  it('waits about 1 s after the first attempt by default, and 2 s after the second', async () => {
    const upstream = await startUpstream(status(503));
    const waits: number[] = [];
    const handler = retry();
    handler.on('retry', ({ waitMs }) => waits.push(waitMs));
    // Decides as it does by default, and does not wait.
    const impatient: Handler = (req, res, next) => {
      const exchange = exchangeOf(req, res);
      const { retry: policy } = exchange;
      if (!policy) throw new Error('retry() has set no policy');
      const { maxBodyBytes, totalTimeoutMs } = policy;
      exchange.retry = {
        maxBodyBytes,
        totalTimeoutMs,
        resends: (method) => policy.resends(method),
        drive: (again) => policy.drive(again),
        delayAfter: (outcome, call) => (policy.delayAfter(outcome, call) === undefined ? undefined : 0),
      };
      next();
    };
    const { url } = await startForward({ target: upstream.url }, handler, impatient);
    expect((await call(url)).status).to.equal(503);
    expect(waits).to.have.length(2);
    expect(waits[0]).to.be.within(800, 1200);
    expect(waits[1]).to.be.within(1600, 2400);
  });

  it('keeps the retries of an outage within a budget', async () => {
    const upstream = await startUpstream(status(503));
    const { url } = await startForward({ target: upstream.url }, retry({ ...QUICK, budgetRatio: 0 }));
    const calls = 60;
    await Promise.all(Array.from({ length: calls }, () => call(url)));
    // Ten a second are always allowed, and the calls may span two of them.
    expect(upstream.requests.length).to.be.within(calls + 10, calls + 30);
  });

  it('does nothing in front of a handler that is not forward()', async () => {
    let calls = 0;
    const app = express().use(retry(QUICK), (_req, res) => {
      calls++;
      res.status(503).end();
    });
    const { url } = await serveApp(app);
    expect((await call(url)).status).to.equal(503);
    expect(calls).to.equal(1);
  });

  it('resends a body that express.json() has read', async () => {
    const upstream = await startUpstream([status(503), status(200)]);
    const forward = openForward({ target: upstream.url });
    const { url } = await serveApp(express().use(express.json(), retry(QUICK), forward));
    const headers = { 'content-type': 'application/json' };
    expect((await call(url, { method: 'PUT', body: '{ "a": 1 }', headers })).status).to.equal(200);
    expect(upstream.requests.map(({ body }) => body.toString())).to.deep.equal(['{"a":1}', '{"a":1}']);
  });

  const refused: [string, object, string][] = [
    [
      'an unknown name',
      { maxAttemps: 3 },
      'retry.maxAttemps is not an option of retry (did you mean maxAttempts?)',
    ],
    ['a wrong type', { maxAttempts: '3' }, 'retry.maxAttempts must be a number; received "3"'],
    ['no attempts', { maxAttempts: 0 }, 'retry.maxAttempts must be at least 1; received 0'],
    ['a negative wait', { initialDelayMs: -1 }, 'retry.initialDelayMs must be at least 1; received -1'],
    ['NaN', { maxDelayMs: Number.NaN }, 'retry.maxDelayMs must be a number; received NaN'],
    ['a shrinking factor', { backoffFactor: 0.5 }, 'retry.backoffFactor must be at least 1; received 0.5'],
    [
      'a status that is no failure',
      { retryOnStatus: [200] },
      'retry.retryOnStatus[0] must be at least 400; received 200',
    ],
    [
      'an unknown error class',
      { retryOnErrors: ['dns'] },
      'retry.retryOnErrors[0] must be "timeout" or "connection refused" or "connection reset" or "socket" or "host not found"; received "dns"',
    ],
    [
      'a method in small letters',
      { methods: ['post'] },
      'retry.methods[0] must be a method in capitals, as POST; received "post"',
    ],
    ['a budget above one', { budgetRatio: 2 }, 'retry.budgetRatio must be at most 1; received 2'],
    [
      'a wait that no timer can take',
      { totalTimeoutMs: 1e12 },
      'retry.totalTimeoutMs must be at most 2147483647; received 1000000000000',
    ],
  ];
  for (const [what, options, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => retry(options as RetryOptions)).to.throw(TypeError, message);
    });
  }

  it('does not change the given options', () => {
    const options = Object.freeze({ maxAttempts: 2 });
    retry(options);
    expect(options).to.deep.equal({ maxAttempts: 2 });
  });
});
