import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type BreakerOptions, breaker, type RetryOptions, retry } from '../../../lib/index.js';
import { call, open, responseOf } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { type UpstreamResponse as Responder, startUpstream } from '../../support/upstream.js';

const QUICK: RetryOptions = { initialDelayMs: 1, maxDelayMs: 2, budgetRatio: false };

const says =
  (body: unknown, { status = 200, type = 'application/json', gzip = false } = {}): Responder =>
  (_req, res) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    res.writeHead(status, { 'content-type': type, ...(gzip && { 'content-encoding': 'gzip' }) });
    res.end(gzip ? gzipSync(text) : text);
  };

const QUOTA = { json: '/error/code', equals: 'insufficient_quota', retry: false };
const SPENT = { error: { code: 'insufficient_quota' } };

for (const transport of TRANSPORTS) {
  describe(`retry({ failureWhen }) over the ${transport} transport`, () => {
    async function start(options: RetryOptions, responders: Responder[]) {
      const upstream = await startUpstream(responders);
      const { url } = await startForward(
        { target: upstream.url, transport },
        retry({ ...QUICK, ...options }),
      );
      return { upstream, url, get: (options = {}) => call(url, options) };
    }

    it('retries a 200 whose body says that it failed', async () => {
      const { upstream, get } = await start({ failureWhen: { json: '/errors' } }, [
        says({ errors: [1] }),
        says({ data: 1, errors: [] }),
      ]);
      const response = await get();
      expect(response.json()).to.deep.equal({ data: 1, errors: [] });
      expect(upstream.requests).to.have.length(2);
    });

    it('passes the last one on as it came, compressed too', async () => {
      const { upstream, get } = await start({ failureWhen: { json: '/ok', equals: false } }, [
        says({ ok: false }, { gzip: true }),
      ]);
      const response = await get();
      expect(response.status).to.equal(200);
      expect(response.body).to.deep.equal(gzipSync('{"ok":false}'));
      expect(upstream.requests).to.have.length(3);
    });

    it('retries a POST only where methods has it', async () => {
      for (const [methods, times] of [
        [['GET'], 1],
        [['GET', 'POST'], 2],
      ] as const) {
        const { upstream, get } = await start({ failureWhen: { json: '/errors' }, methods: [...methods] }, [
          says({ errors: 1 }),
          says({ data: 1 }),
        ]);
        await get({ method: 'POST', body: '{}' });
        expect(upstream.requests).to.have.length(times);
      }
    });

    it('stops at a 429 of which another attempt cannot help, and at no other', async () => {
      const spent = await start({ failureWhen: QUOTA }, [says(SPENT, { status: 429 })]);
      const response = await spent.get();
      expect([response.status, response.json()]).to.deep.equal([429, SPENT]);
      expect(spent.upstream.requests).to.have.length(1);
      const busy = await start({ failureWhen: QUOTA }, [
        says({ error: { code: 'busy' } }, { status: 429 }),
        says({}),
      ]);
      expect((await busy.get()).status).to.equal(200);
    });

    it('takes functions, and the first rule that holds', async () => {
      const seen: string[] = [];
      const { upstream, get } = await start(
        {
          failureWhen: [
            ({ status, rawHeaders, body }) => {
              seen.push(`${status} ${rawHeaders.includes('text/plain')} ${body}`);
              return body.includes('never') ? 'stop' : body.includes('later');
            },
            { json: '/errors' },
          ],
        },
        [says('later', { type: 'text/plain' }), says('never', { type: 'text/plain', status: 503 })],
      );
      expect((await get()).status).to.equal(503);
      expect(seen).to.deep.equal(['200 true later', '503 true never']);
      expect(upstream.requests).to.have.length(2);
    });

    it('fails a call whose function throws', async () => {
      const failureWhen = () => {
        throw new Error('no');
      };
      const { upstream, get } = await start({ failureWhen }, [says({})]);
      expect((await get()).status).to.equal(500);
      expect(upstream.requests).to.have.length(1);
    });

    it('fails a call whose function returns a promise, which would always be a failure', async () => {
      const failureWhen = (async () => false) as never;
      const { upstream, get } = await start({ failureWhen }, [says({})]);
      expect((await get()).status).to.equal(500);
      expect(upstream.requests).to.have.length(1);
    });

    it('passes what is larger than 64 KiB on as it comes, whole', async () => {
      const large = { errors: 'x'.repeat(300_000) };
      const { upstream, get } = await start({ failureWhen: { json: '/errors' } }, [says(large)]);
      expect((await get()).json()).to.deep.equal(large);
      expect(upstream.requests).to.have.length(1);
    });

    it('does not hold streams, nor the head of what may become large', async () => {
      for (const [type, piece] of [
        ['text/event-stream', 'data: 1\n\n'],
        ['application/json', `["${'x'.repeat(70_000)}",`],
      ] as const) {
        let end: (() => void) | undefined;
        const { url } = await start({ failureWhen: { json: '/errors' } }, [
          (_req, res) => {
            res.writeHead(200, { 'content-type': type });
            res.write(piece);
            end = () => res.end('1]');
          },
        ]);
        const response = await open(url);
        end?.();
        expect((await responseOf(response)).text, type).to.equal(`${piece}1]`);
      }
    });

    it('passes on what has no body', async () => {
      const { get } = await start({ failureWhen: () => false }, [
        (_req, res) => res.writeHead(204).end(),
        (_req, res) => res.writeHead(200, { 'content-length': '0' }).end(),
        (_req, res) => res.writeHead(200, { 'content-length': '5' }).end(),
        (_req, res) => res.writeHead(200).end(),
      ]);
      const got = [await get(), await get(), await get({ method: 'HEAD' }), await get()];
      expect(got.map(({ status, text }) => [status, text])).to.deep.equal([
        [204, ''],
        [200, ''],
        [200, ''],
        [200, ''],
      ]);
    });

    it('takes a body that breaks off meanwhile for a failed attempt', async () => {
      const { upstream, get } = await start({ failureWhen: { json: '/errors' } }, [
        (_req, res) => {
          res.writeHead(200, { 'content-type': 'application/json', 'content-length': '10' });
          res.write('{"a', () => res.destroy());
        },
        says({ data: 1 }),
      ]);
      expect((await get()).json()).to.deep.equal({ data: 1 });
      expect(upstream.requests).to.have.length(2);
    });
  });

  describe(`breaker({ failureWhen }) over the ${transport} transport`, () => {
    async function start(options: BreakerOptions, responders: Responder[]) {
      const upstream = await startUpstream(responders);
      const stage = breaker({ failureThreshold: 2, ...options });
      const { url } = await startForward({ target: upstream.url, transport }, stage);
      return { stage, get: () => call(url) };
    }

    it('opens after bodies that say they failed, and says so', async () => {
      const { stage, get } = await start(
        { failureWhen: [{ json: '/errors' }, ({ body }) => body.includes('bad')] },
        [says({ errors: 1 }), says({ text: 'bad' })],
      );
      expect([(await get()).status, (await get()).status]).to.deep.equal([200, 200]);
      const refused = await get();
      expect(refused.status).to.equal(503);
      expect(refused.text).to.include('2 failures').and.include('status 200 with a failure in its body');
      expect(stage.state).to.equal('OPEN');
    });

    it('takes the others for successes', async () => {
      const { stage, get } = await start({ failureWhen: { json: '/errors' } }, [
        says({ errors: 1 }),
        says({ errors: [] }),
      ]);
      for (let i = 0; i < 6; i++) await get();
      expect(stage.state).to.equal('CLOSED');
    });
  });
}
