import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { requestBody } from '../../../../lib/upstream/request/body.js';
import { BodyLedger, type BodyRules, type RequestBody } from '../../../../lib/upstream/request/body-rules.js';
import { eventOf, until } from '../../../support/until.js';

interface Given {
  headers?: Record<string, string>;
  body?: unknown;
  rawBody?: unknown;
}

/** A request whose body the test pushes. */
function request({ headers = { 'transfer-encoding': 'chunked' }, ...given }: Given = {}): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers }, given);
}

/** A request whose body has been read to its end. */
async function readRequest(given: Given): Promise<IncomingMessage> {
  const req = request(given);
  req.push('gone');
  finish(req);
  req.resume();
  await eventOf(req, 'end');
  return req;
}

function finish(req: IncomingMessage): void {
  req.complete = true;
  req.push(null);
}

const RULES: BodyRules = { buffer: undefined, keepBytes: 10, ledger: new BodyLedger(10), listened: false };

function bodyOf(req: IncomingMessage, keepBytes = 1000, ledger = new BodyLedger(1000)): RequestBody {
  const body = requestBody(req, { ...RULES, keepBytes, ledger });
  if (!body) throw new Error('There is no body');
  return body;
}

/** Opens the body and collects what is read. */
function read(body: RequestBody): { text: string; ended: boolean; broken: boolean; stream: Readable } {
  const stream = body.open();
  if (!(stream instanceof Readable)) throw new Error('It is all here');
  const seen = { text: '', ended: false, broken: false, stream };
  stream.on('data', (chunk: Buffer) => {
    seen.text += chunk.toString();
  });
  stream.on('end', () => {
    seen.ended = true;
  });
  stream.on('error', () => {
    seen.broken = true;
  });
  body.release();
  return seen;
}

describe('BodyLedger', () => {
  it('takes up to its limit, and again what was given back', () => {
    const ledger = new BodyLedger(10);
    expect(ledger.take(6)).to.equal(true);
    expect(ledger.take(5)).to.equal(false);
    expect(ledger.take(4)).to.equal(true);
    ledger.give(6);
    expect(ledger.take(6)).to.equal(true);
  });
});

describe('requestBody() of a stream', () => {
  it('is undefined if the head announces none', () => {
    const none: Record<string, string>[] = [{}, { 'content-length': '0' }];
    for (const headers of none) {
      expect(requestBody(request({ headers }), RULES)).to.equal(undefined);
    }
    expect(bodyOf(request({ headers: { 'content-length': '1' } })).replayable).to.equal(true);
  });

  it('flows while it is sent, and ends with the client’s', async () => {
    const req = request();
    const body = bodyOf(req, 0);
    const seen = read(body);
    req.push('one ');
    await until(() => seen.text === 'one ');
    req.push('two');
    finish(req);
    await until(() => seen.ended);
    expect(seen.text).to.equal('one two');
  });

  it('cannot be sent again once something passed that was not kept', async () => {
    const req = request();
    const body = bodyOf(req, 0);
    expect(body.replayable).to.equal(true);
    const seen = read(body);
    req.push('one');
    await until(() => seen.text === 'one');
    expect(body.replayable).to.equal(false);
  });

  it('is opened as one buffer once all of it was kept', async () => {
    const req = request();
    const body = bodyOf(req);
    const seen = read(body);
    req.push('one ');
    req.push('two');
    finish(req);
    await until(() => seen.ended);
    expect(body.replayable).to.equal(true);
    expect(body.open().toString()).to.equal('one two');
    expect(body.open().toString()).to.equal('one two');
  });

  it('starts over in the middle of an upload and goes on with what still comes', async () => {
    const req = request();
    const body = bodyOf(req);
    const first = read(body);
    req.push('one ');
    await until(() => first.text === 'one ');

    const second = read(body);
    req.push('two ');
    await until(() => second.text === 'one two ');
    expect(first.stream.destroyed).to.equal(true);
    const third = read(body);
    req.push('three');
    finish(req);
    await until(() => third.ended);
    expect([first.text, second.text, third.text]).to.deep.equal(['one ', 'one two ', 'one two three']);
    expect([first.ended, second.ended]).to.deep.equal([false, false]);
  });

  it('loses nothing that arrives while nothing reads', async () => {
    const req = request();
    const body = bodyOf(req);
    const first = read(body);
    req.push('one ');
    await until(() => first.text === 'one ');
    first.stream.destroy(new Error('the attempt failed'));
    req.push('two ');
    req.push('three');
    finish(req);
    const second = read(body);
    await until(() => second.ended);
    expect(second.text).to.equal('one two three');
  });

  it('keeps the client’s stream when an attempt destroys its reader', async () => {
    const req = request();
    const body = bodyOf(req);
    const seen = read(body);
    seen.stream.destroy(new Error('the attempt failed'));
    await until(() => seen.stream.closed);
    expect(req.destroyed).to.equal(false);
  });

  it('is kept up to its own limit, and what was kept is given back above it', async () => {
    const req = request();
    const ledger = new BodyLedger(100);
    const body = bodyOf(req, 5, ledger);
    const seen = read(body);
    req.push('12345');
    await until(() => seen.text.length === 5);
    expect(body.replayable).to.equal(true);
    req.push('6');
    await until(() => seen.text.length === 6);
    expect(body.replayable).to.equal(false);
    expect(ledger.take(100)).to.equal(true);
  });

  it('is kept only while all bodies together stay within theirs', async () => {
    const ledger = new BodyLedger(8);
    const [one, two] = [request(), request()];
    const [first, second] = [bodyOf(one, 100, ledger), bodyOf(two, 100, ledger)];
    const seen = [read(first), read(second)];
    one.push('12345');
    await until(() => seen[0]?.text.length === 5);
    two.push('12345');
    await until(() => seen[1]?.text.length === 5);
    expect([first.replayable, second.replayable]).to.deep.equal([true, false]);

    first.close();
    expect(ledger.take(8)).to.equal(true);
  });

  it('gives back once only, however often it is closed', async () => {
    const ledger = new BodyLedger(10);
    const req = request();
    const body = bodyOf(req, 100, ledger);
    const seen = read(body);
    req.push('12345');
    await until(() => seen.text.length === 5);
    body.close();
    body.close();
    expect(ledger.take(11)).to.equal(false);
    expect(ledger.take(10)).to.equal(true);
  });

  it('fails instead of ending when the client disconnects', async () => {
    const req = request();
    const seen = read(bodyOf(req));
    req.push('one');
    await until(() => seen.text === 'one');
    req.destroy();
    await until(() => seen.broken);
    expect(seen.ended).to.equal(false);
  });

  it('lets the client wait while the reader is full', async () => {
    const req = request();
    const body = bodyOf(req, 0);
    const stream = body.open();
    body.release();
    (stream as Readable).read(0);
    const chunk = Buffer.alloc(64 * 1024);
    for (let i = 0; i < 64; i++) req.push(chunk);
    await until(() => req.isPaused());
    expect((stream as Readable).readableLength).to.be.below(8 * chunk.length);
  });

  it('leaves the client’s stream whole until there is a connection', async () => {
    const req = request();
    const body = bodyOf(req, 0);
    for (let i = 0; i < 2; i++) {
      const stream = body.open() as Readable;
      stream.on('data', () => {});
      req.push('one');
      await new Promise(setImmediate);
      expect(body.replayable).to.equal(true);
      expect(stream.readableLength).to.equal(0);
    }
    const seen = read(body);
    finish(req);
    await until(() => seen.ended);
    expect(seen.text).to.equal('oneone');
  });

  it('tells who it waits for, and that something moves', async () => {
    const req = request();
    const body = bodyOf(req);
    expect(body.upload).to.equal(undefined);
    const stream = body.open() as Readable;
    body.release();
    stream.read(0);
    expect(body.upload?.awaits).to.equal('client');
    const before = body.upload?.moves;
    req.push('one');
    await until(() => body.upload?.awaits === 'target');
    expect(body.upload?.moves).to.not.equal(before);
    stream.read();
    expect(body.upload?.awaits).to.equal('client');
    finish(req);
    await until(() => body.upload?.awaits === 'target');
    stream.resume();
    await eventOf(stream, 'end');
    expect(body.open()).to.be.instanceOf(Buffer);
    expect(body.upload).to.equal(undefined);
  });

  it('drops the rest of an upload when it is closed', async () => {
    const req = request();
    const body = bodyOf(req);
    read(body);
    body.close();
    req.push('rest');
    finish(req);
    await eventOf(req, 'end');
  });
});

describe('requestBody() of a body that was read', () => {
  const JSON_TYPE = { 'content-length': '4', 'content-type': 'application/json' };

  for (const [what, given, text] of [
    ['the bytes on rawBody', { headers: JSON_TYPE, rawBody: Buffer.from('{ }'), body: {} }, '{ }'],
    ['bytes', { headers: { 'content-length': '4' }, body: Buffer.from('raw') }, 'raw'],
    ['text', { headers: { 'content-length': '4' }, body: 'text' }, 'text'],
    ['an object as JSON', { headers: JSON_TYPE, body: { a: [1] } }, '{"a":[1]}'],
    ['null as JSON', { headers: JSON_TYPE, body: null }, 'null'],
    [
      'an object as JSON of another type',
      { headers: { 'content-length': '4', 'content-type': 'Application/Problem+JSON; x=y' }, body: {} },
      '{}',
    ],
    [
      'an object as a form',
      {
        headers: {
          'content-length': '35',
          'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
        },
        body: { a: '12', b: ['3', '4'], c: { d: { e: 'é' } } },
      },
      'a=12&b=3&b=4&c%5Bd%5D%5Be%5D=%C3%A9',
    ],
  ] as const) {
    it(`sends ${what}`, async () => {
      const body = bodyOf(await readRequest(given));
      expect(body.open().toString()).to.equal(text);
      expect(body.replayable).to.equal(true);
      expect(body.rebuilt).to.deep.equal({ contentType: Reflect.get(given.headers, 'content-type') ?? '' });
    });
  }

  for (const [what, given] of [
    ['it was not kept', { headers: JSON_TYPE }],
    ['its type does not tell how to write it', { headers: { 'content-length': '4' }, body: { a: 1 } }],
    [
      'it is a form with files',
      {
        headers: { 'content-length': '4', 'content-type': 'multipart/form-data; boundary=x' },
        body: { a: 1 },
      },
    ],
  ] as const) {
    it(`fails if ${what}`, async () => {
      const req = await readRequest(given);
      expect(() => bodyOf(req))
        .to.throw()
        .with.property('code', 'ERR_BODY_CONSUMED');
    });
  }
});
