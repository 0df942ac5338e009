import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { detach } from '../../../lib/core/detach.js';
import { ProxyError } from '../../../lib/core/errors.js';
import type { Limit } from '../../../lib/core/exchange.js';
import { type Exchange, exchangeOf, type Handler } from '../../../lib/core/exchange.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { sendError } from '../../../lib/core/send-error.js';
import { retry } from '../../../lib/retry/retry.js';
import { forward } from '../../../lib/upstream/forward.js';

describe('Exchange', () => {
  const servers: http.Server[] = [];
  const start = async (handler: http.RequestListener): Promise<string> => {
    const server = http.createServer(handler).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const serve = (stages: Handler[]): Promise<string> => {
    const handle = pipeline(stages);
    return start((req, res) => handle(req, res, (error) => sendError(req, res, error)));
  };

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  it('shows a stage every attempt and its outcome when the response has closed', async () => {
    let responses = 0;
    const target = await start((_req, res) => {
      responses++;
      res.statusCode = responses === 1 ? 503 : 200;
      res.end('ok');
    });
    const settled = new Promise<Exchange>((resolve) => {
      const statistics: Handler = (req, res, next) => {
        exchangeOf(req, res).onSettled(resolve);
        next();
      };
      void serve([statistics, retry({ initialDelayMs: 1 }), forward({ target })]).then((url) =>
        fetch(`${url}/x?y=1`).then((response) => response.text()),
      );
    });
    const { attempts, originalUrl, respondedAt, startedAt, error } = await settled;
    const statuses = attempts.map(({ outcome }) => outcome?.kind === 'response' && outcome.head.status);
    expect(statuses).to.deep.equal([503, 200]);
    expect(attempts.map(({ number }) => number)).to.deep.equal([1, 2]);
    expect(attempts.every(({ durationMs }) => durationMs > 0)).to.equal(true);
    expect(originalUrl).to.equal('/x?y=1');
    expect(respondedAt).to.be.above(startedAt);
    expect(error).to.equal(undefined);
  });

  it('does not count earlier waits towards the timeout of an attempt', async () => {
    const wait = (ms: number) => new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined));
    const target = await start((_req, res) => void wait(250).then(() => res.end('ok')));
    const waiting: Limit = { admit: () => wait(300) };
    const stage: Handler = (req, res, next) => {
      exchangeOf(req, res).limits.push(waiting);
      next();
    };
    const url = await serve([stage, forward({ target, requestTimeoutMs: 500 })]);
    expect((await fetch(url)).status).to.equal(200);
  });

  it('lets a limit delay and refuse an attempt, and notifies its permits how each one ended', async () => {
    const target = await start((_req, res) => res.writeHead(503).end());
    const notified: string[] = [];
    const guard: Limit = {
      admit: async ({ number }) => {
        notified.push(`admit ${number}`);
        if (number === 3) return new ProxyError('ERR_RATE_LIMITED', 'enough', { retryAfterMs: 1500 });
        return {
          head: (attempt) => notified.push(`head ${attempt.number} ${attempt.outcome?.kind}`),
          end: (attempt) => notified.push(`end ${attempt.number} ${attempt.end?.kind}`),
        };
      },
    };
    const behind: Limit = { admit: () => ({ end: ({ number }) => notified.push(`behind ${number}`) }) };
    const addLimits: Handler = (req, res, next) => {
      exchangeOf(req, res).limits.push(guard, behind);
      next();
    };
    const url = await serve([addLimits, retry({ initialDelayMs: 1 }), forward({ target })]);
    const response = await fetch(url);
    expect(response.status).to.equal(429);
    expect(response.headers.get('retry-after')).to.equal('2');
    expect(notified).to.deep.equal([
      'admit 1',
      'head 1 response',
      'end 1 discarded',
      'behind 1',
      'admit 2',
      'head 2 response',
      'end 2 discarded',
      'behind 2',
      'admit 3',
    ]);
  });

  it('is abandoned when its client leaves, unless a stage holds it for others', async () => {
    let response: (() => void) | undefined;
    const closed: string[] = [];
    const target = await start((req, res) => {
      res.on('close', () => closed.push(res.writableFinished ? 'complete' : 'cut'));
      response = () => res.end(req.url);
      arrived?.();
    });
    let arrived: (() => void) | undefined;
    let seen: Exchange | undefined;
    const collected: string[] = [];
    const coalesce: Handler = (req, res, next) => {
      seen = exchangeOf(req, res);
      if (req.url !== '/held') return next();
      seen.hold();
      const end = res.end.bind(res);
      res.end = ((chunk?: Buffer, ...rest: []) => {
        if (chunk) collected.push(chunk.toString());
        return end(chunk, ...rest);
      }) as typeof res.end;
      next();
    };
    const url = await serve([coalesce, forward({ target })]);

    for (const path of ['/left', '/held']) {
      const reached = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const leaving = new AbortController();
      const call = fetch(url + path, { signal: leaving.signal }).catch(() => undefined);
      await reached;
      const settled = new Promise((resolve) => seen?.onSettled(resolve));
      leaving.abort();
      await Promise.all([call, settled]);
      expect(seen?.abandoned).to.equal(path === '/left');
      if (path === '/held') response?.();
    }
    await waitFor(() => closed.length === 2);
    expect(closed).to.deep.equal(['cut', 'complete']);
    await waitFor(() => collected.length === 1);
    expect(collected).to.deep.equal(['/held']);
  });

  it('can be followed by a detached call through the rest of the chain, with another method and body', async () => {
    const target = await start((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk) => chunks.push(chunk));
      req.on('end', () =>
        res.end(`${req.method} ${req.url} ${req.headers['x-kind']} ${Buffer.concat(chunks)}`),
      );
    });
    const responses: string[] = [];
    const done: Promise<unknown>[] = [];
    const revalidate: Handler = (req, res, next) => {
      const exchange = exchangeOf(req, res);
      const background = detach(exchange, {
        method: 'POST',
        url: '/again',
        rawHeaders: ['X-Kind', 'background', 'Content-Length', '4'],
        body: Buffer.from('body'),
      });
      record(background.res, responses);
      done.push(new Promise((resolve) => background.onSettled(resolve)));
      exchange.rest?.(background.req, background.res, (error) => responses.push(String(error)));
      next();
    };
    const url = await serve([revalidate, forward({ target })]);
    const text = await (await fetch(`${url}/first`, { headers: { 'x-kind': 'client' } })).text();
    await Promise.all(done);
    expect(text).to.equal('GET /first client ');
    expect(responses).to.deep.equal(['POST /again background body']);
  });
});

/** As a cache does: reads what is written to a response. */
function record(res: ServerResponse<IncomingMessage>, into: string[]): void {
  const end = res.end.bind(res);
  res.end = ((chunk?: Buffer) => {
    into.push(String(chunk));
    return end(chunk);
  }) as typeof res.end;
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
