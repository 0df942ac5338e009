import { expect } from 'chai';
import { type ExplainOptions, explain, type RetryOptions, rateLimit, retry } from '../../../lib/index.js';
import { validateBody } from '../../../lib/validate-body/validate-body.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open, responseOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { hangUp, silence, startUpstream, status, text } from '../../support/upstream.js';
import { membersOf, proxyStatusOf, stepsOf, timingsOf } from './testing.js';

const QUICK: RetryOptions = { initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false };
const NAME = 'resilient-proxy-out';

for (const transport of TRANSPORTS) {
  describe(`explain() over the ${transport} transport`, () => {
    const start = (target: string, options: RetryOptions = QUICK) =>
      startForward({ target, transport, requestTimeoutMs: 200 }, explain(), retry(options));

    it('sends nothing without explain()', async () => {
      const upstream = await startUpstream(text('ok'));
      const { url } = await startForward({ target: upstream.url, transport });
      const response = await call(url);
      expect([response.lines('server-timing'), response.lines('proxy-status')]).to.deep.equal([[], []]);
    });

    it('describes a response that was passed on with its own status', async () => {
      const upstream = await startUpstream(text('ok'));
      const { url } = await start(upstream.url);
      const response = await call(url);
      expect(stepsOf(response)).to.deep.equal(['attempt-1=200', 'upstream', 'total']);
      expect(timingsOf(response).every(({ dur = -1 }) => dur >= 0)).to.equal(true);
      expect(membersOf(response, 'proxy-status')).to.deep.equal([[NAME, {}]]);
      expect(response.text).to.equal('ok');
    });

    it('shows each attempt of a call that was retried', async () => {
      const upstream = await startUpstream([status(503), hangUp, text('ok')]);
      const { url } = await start(upstream.url);
      const response = await call(url);
      expect(stepsOf(response)).to.deep.equal([
        'attempt-1=503',
        'attempt-2=connection_terminated',
        'attempt-3=200',
        'backoff',
        'upstream',
        'total',
      ]);
      expect(proxyStatusOf(response)).to.deep.equal([NAME, { details: '3 attempts' }]);
    });

    it('passes on an error response of the upstream as such', async () => {
      const upstream = await startUpstream(status(503));
      const { url } = await start(upstream.url, { maxAttempts: 1 });
      const response = await call(url);
      expect(proxyStatusOf(response)).to.deep.equal([NAME, {}]);
      expect(stepsOf(response)).to.deep.equal(['attempt-1=503', 'upstream', 'total']);
    });

    it('shows the type and message of its own error', async () => {
      const { url } = await start(`http://127.0.0.1:${await unusedPort()}`, { ...QUICK, maxAttempts: 2 });
      const response = await call(url);
      expect(response.status).to.equal(502);
      expect(membersOf(response, 'proxy-status')).to.deep.equal([
        [NAME, { error: 'connection_refused', details: 'The upstream refused the connection (2 attempts)' }],
      ]);
      expect(stepsOf(response)).to.deep.equal([
        'attempt-1=connection_refused',
        'attempt-2=connection_refused',
        'backoff',
        'total',
      ]);
    });

    it('shows a timeout', async () => {
      const upstream = await startUpstream(silence);
      const { url } = await start(upstream.url, { maxAttempts: 1 });
      const response = await call(url);
      expect([response.status, proxyStatusOf(response)]).to.deep.equal([
        504,
        [NAME, { error: 'http_response_timeout', details: 'The upstream did not respond within 200 ms' }],
      ]);
      expect(stepsOf(response)).to.deep.equal(['attempt-1=http_response_timeout', 'total']);
    });

    it('shows the received status when it sends its own response', async () => {
      const upstream = await startUpstream([status(429, { 'retry-after': '0' }), silence]);
      const target = { target: upstream.url, transport, requestTimeoutMs: 100 };
      // One that is known only when it is asked, and so refuses the second attempt.
      const limit = rateLimit({ limit: 1, algorithm: 'fixed', maxWaitMs: 1, learn: false });
      onCleanup(() => limit.close());
      const { url } = await startForward(target, explain(), retry(QUICK), limit);
      const response = await call(url);
      expect(response.status).to.equal(429);
      const [name, { details, ...parameters }] = proxyStatusOf(response) ?? ['', {}];
      expect([name, parameters]).to.deep.equal([
        NAME,
        { error: 'http_request_denied', 'received-status': 429 },
      ]);
      expect(details).to.be.a('string');
    });

    it('keeps the upstream’s values of these headers, before its own', async () => {
      const upstream = await startUpstream(
        text('ok', {
          'Server-Timing': ['db;dur=5;desc="a, \\"b\\""', 'app'],
          'Proxy-Status': 'inner; error=dns_error; details="x"',
          'Cache-Status': 'edge; hit',
        }),
      );
      const { url } = await start(upstream.url);
      const response = await call(url);
      expect(stepsOf(response)).to.deep.equal(['db=a, "b"', 'app', 'attempt-1=200', 'upstream', 'total']);
      expect(membersOf(response, 'proxy-status')).to.deep.equal([
        ['inner', { error: 'dns_error', details: 'x' }],
        [NAME, {}],
      ]);
      expect(membersOf(response, 'cache-status')).to.deep.equal([['edge', { hit: true }]]);
    });

    it('keeps the member of another proxy of this package', async () => {
      const inner = await start(`http://127.0.0.1:${await unusedPort()}`, { maxAttempts: 1 });
      const { url } = await start(inner.url, { maxAttempts: 1 });
      const response = await call(url);
      expect(membersOf(response, 'proxy-status')).to.deep.equal([
        [NAME, { error: 'connection_refused', details: 'The upstream refused the connection' }],
        [NAME, {}],
      ]);
      expect(stepsOf(response)).to.deep.equal([
        'attempt-1=connection_refused',
        'total',
        'attempt-1=502',
        'upstream',
        'total',
      ]);
    });

    it('drops lines that would make the whole header unreadable', async () => {
      const upstream = await startUpstream(
        text('ok', {
          'Server-Timing': ['a;desc="never closed', 'good;dur=1'],
          'Proxy-Status': ['x; details="never closed', 'good'],
          'Cache-Status': ['"never closed', 'good; hit', '\u00fc'],
        }),
      );
      const { url } = await start(upstream.url);
      const response = await call(url);
      expect(stepsOf(response)).to.deep.equal(['good', 'attempt-1=200', 'upstream', 'total']);
      expect(membersOf(response, 'proxy-status').map(([name]) => name)).to.deep.equal(['good', NAME]);
      expect(membersOf(response, 'cache-status').map(([name]) => name)).to.deep.equal(['good']);
    });

    it('keeps what the application has set before', async () => {
      const upstream = await startUpstream(text('ok'));
      const { url } = await startForward(
        { target: upstream.url, transport },
        (_req, res, next) => {
          res.setHeader('X-App', 'one');
          res.setHeader('Server-Timing', 'app;dur=1');
          next();
        },
        explain(),
      );
      const response = await call(url);
      expect(response.lines('x-app')).to.deep.equal(['one']);
      expect(stepsOf(response)).to.deep.equal(['app', 'attempt-1=200', 'upstream', 'total']);
    });

    it('treats HEAD, 304 and a response without a body alike', async () => {
      const upstream = await startUpstream([text('ok'), status(304, { etag: '"1"' }), status(204)]);
      const { url } = await start(upstream.url);
      for (const [method, code] of [
        ['HEAD', 200],
        ['GET', 304],
        ['DELETE', 204],
      ] as const) {
        const response = await call(url, { method });
        expect([response.status, response.body.length]).to.deep.equal([code, 0]);
        expect(stepsOf(response)).to.deep.equal([`attempt-1=${code}`, 'upstream', 'total']);
        expect(proxyStatusOf(response)).to.deep.equal([NAME, {}]);
      }
    });

    it('sends its headers before the first event of a stream', async () => {
      let goOn = (): void => {};
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        goOn = () => res.end('data: 1\n\n');
      });
      const { url } = await start(upstream.url);
      const opened = await open(url);
      expect(opened.res.headers['server-timing']).to.match(/^attempt-1;desc="200";dur=/);
      goOn();
      expect((await responseOf(opened)).text).to.equal('data: 1\n\n');
    });

    it('handles a response whose headers cannot be sent', async () => {
      const upstream = await startRawUpstream(async (connection) => {
        await connection.heads();
        connection.end('HTTP/1.1 200 OK\r\nContent-Length: nine\r\nServer-Timing: evil\r\n\r\n');
      });
      const { url } = await start(upstream.url, { maxAttempts: 1 });
      const response = await call(url);
      expect(response.status).to.equal(502);
      expect(proxyStatusOf(response)?.[1]).to.include({ error: 'http_protocol_error' });
      expect(stepsOf(response)).to.deep.equal(['attempt-1=http_protocol_error', 'total']);
    });
  });
}

describe('explain()', () => {
  const linesOf = async (options: ExplainOptions) => {
    const { url } = await serve(explainedOk(options));
    const response = await call(url);
    return [response.lines('server-timing').length, response.lines('proxy-status').length];
  };
  const explainedOk = (options: ExplainOptions) => {
    const stage = explain(options);
    return (...[req, res]: Parameters<typeof stage>) => stage(req, res, () => res.end('ok'));
  };

  it('sends either header alone', async () => {
    expect(await linesOf({})).to.deep.equal([1, 1]);
    expect(await linesOf({ serverTiming: false })).to.deep.equal([0, 1]);
    expect(await linesOf({ proxyStatus: false })).to.deep.equal([1, 0]);
    expect(await linesOf({ serverTiming: false, proxyStatus: false })).to.deep.equal([0, 0]);
  });

  it('leaves the Proxy-Status of an error unchanged with proxyStatus: false', async () => {
    const { url } = await startForward(
      { target: `http://127.0.0.1:${await unusedPort()}` },
      explain({ proxyStatus: false }),
    );
    expect((await call(url)).lines('proxy-status')).to.deep.equal([`${NAME}; error=connection_refused`]);
  });

  it('shows a refusal before any attempt', async () => {
    const upstream = await startUpstream(text('ok'));
    const rules = validateBody({ requiresBody: true, validateJson: true, maxBodyBytes: 100 });
    if (!rules) throw new Error('There are rules');
    const { url } = await startForward({ target: upstream.url }, explain(), rules);
    const response = await call(url);
    expect([response.status, proxyStatusOf(response)?.[1].error]).to.deep.equal([400, 'http_request_error']);
    expect(stepsOf(response)).to.deep.equal(['total']);
  });

  it('shows how long a call waited for its quota', async () => {
    const upstream = await startUpstream(text('ok'));
    const limit = rateLimit({ limit: 1, windowMs: 100, onLimit: 'queue', learn: false });
    onCleanup(() => limit.close());
    const { url } = await startForward({ target: upstream.url }, explain(), limit);
    const responses = await Promise.all([call(url), call(url)]);
    const waited = responses.filter((response) =>
      timingsOf(response).some(({ name, dur = 0 }) => name === 'queue' && dur > 0),
    );
    expect(waited).to.not.have.length(0);
    expect(responses.map(({ status }) => status)).to.deep.equal([200, 200]);
  });

  it('refuses unknown options', () => {
    expect(() => explain({ serverTimings: true } as ExplainOptions)).to.throw(
      'explain.serverTimings is not an option of explain (did you mean serverTiming?)',
    );
    expect(() => explain({ proxyStatus: 'yes' as never })).to.throw(
      'explain.proxyStatus must be a boolean; received "yes"',
    );
  });
});
