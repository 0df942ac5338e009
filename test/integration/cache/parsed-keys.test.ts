import { expect } from 'chai';
import express from 'express';
import { cache } from '../../../lib/cache/cache.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import { cacheStatus } from './testing.js';

describe('cache() of POST behind a parser', () => {
  async function posted(type: string, parse: express.RequestHandler, bodies: readonly string[]) {
    const handler = cache({ methods: ['POST'] });
    onCleanup(() => handler.close());
    const app = express();
    app.use(parse);
    let calls = 0;
    app.use(handler, (_req, res) => void res.send(String(++calls)));
    const { url } = await serve(app);
    const seen = [];
    for (const body of bodies) {
      const response = await call(url, { method: 'POST', headers: { 'content-type': type }, body });
      seen.push(/; (hit|fwd=[\w-]+)/.exec(cacheStatus(response) ?? '')?.[1]);
    }
    return seen;
  }
  /** As many parsers do: what they make of the body, whatever that is. */
  const making =
    (make: (text: string) => unknown): express.RequestHandler =>
    (req, _res, next) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        req.body = make(Buffer.concat(chunks).toString());
        next();
      });
    };

  it('takes JSON and forms as they were parsed', async () => {
    const json = ['{"a":1}', '{ "a": 1 }', '{"a":2}'];
    for (const type of ['application/json', 'application/vnd.api+json; charset=utf-8']) {
      const parse = express.json({ type: () => true });
      expect(await posted(type, parse, json), type).to.deep.equal(['fwd=uri-miss', 'hit', 'fwd=uri-miss']);
    }
    const forms = ['a=1&b[]=2', 'a=1&b[]=2', 'a=1&b[]=3'];
    const form = express.urlencoded({ extended: true });
    expect(await posted('application/x-www-form-urlencoded', form, forms)).to.deep.equal([
      ...['fwd=uri-miss', 'hit', 'fwd=uri-miss'],
    ]);
  });

  for (const [what, type, make] of [
    ['a form with files', 'multipart/form-data; boundary=x', () => ({ lang: 'en' })],
    ['a Map', 'application/json', (text: string) => new Map([['a', text]])],
    ['a BigInt', 'application/json', () => ({ id: 5n })],
    ['a Date', 'application/json', () => ({ at: new Date(0) })],
    ['another type', 'application/xml', () => ({ root: {} })],
  ] as const) {
    it(`bypasses ${what}, which need not be all of the body`, async () => {
      const seen = await posted(type, making(make), ['one', 'one']);
      expect(seen).to.deep.equal(['fwd=bypass', 'fwd=bypass']);
    });
  }
});

describe('cache() in front of a handler that uses its buffer again', () => {
  it('stores and shares what was written, not what the buffer holds later', async () => {
    const handler = cache();
    onCleanup(() => handler.close());
    const app = express();
    const steps: (() => void)[] = [];
    app.use(handler, async (_req, res) => {
      const buffer = Buffer.alloc(100);
      for (const letter of 'ABC') {
        buffer.fill(letter);
        await new Promise((written) => res.write(buffer, written));
        await new Promise<void>((goOn) => steps.push(goOn));
      }
      res.end();
    });
    const { url } = await serve(app);
    const want = [...'ABC'].map((letter) => letter.repeat(100)).join('');
    const first = call(url);
    const goOn = async () => {
      while (steps.length === 0) await new Promise((resolve) => setImmediate(resolve));
      steps.shift()?.();
    };
    await goOn();
    const second = call(url);
    await goOn();
    await goOn();
    expect([(await first).text, (await second).text, (await call(url)).text]).to.deep.equal([
      want,
      want,
      want,
    ]);
  });
});
