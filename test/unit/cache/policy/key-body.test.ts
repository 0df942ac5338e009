import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { digestBody, MAX_KEY_BODY_BYTES } from '../../../../lib/cache/policy/key-body.js';
import type { ProxyError } from '../../../../lib/core/errors.js';
import { fakeTimers, stopClock } from '../../../support/fake-timers.js';
import { eventOf } from '../../../support/until.js';

type Headers = Readonly<Record<string, string>>;
type Told = [digest: string | undefined, error?: ProxyError | undefined];
type Received = IncomingMessage & { body?: unknown; rawBody?: unknown };

const JSON_TYPE = { 'content-type': 'application/json' };
const DIGEST = /^[\w-]{43}$/;

/** A request whose body is on its way; `null` as a chunk is its end. */
function received(headers: Headers, ...chunks: (string | Buffer | null)[]): Received {
  const req: Received = new IncomingMessage(new Socket());
  req.headers = { ...headers };
  for (const chunk of chunks) req.push(chunk);
  return req;
}

/** What is told of it, which takes a few turns of the event loop. */
async function digested(req: Received): Promise<Told> {
  let told: Told | undefined;
  digestBody(req, (...all) => {
    told = all;
  });
  for (let turns = 0; told === undefined && turns < 50; turns++) await setImmediate();
  if (told === undefined) throw new Error('nothing is told');
  return told;
}

async function digestOf(text: string, headers: Headers = {}): Promise<string | undefined> {
  const [digest] = await digested(received(headers, text, null));
  return digest;
}

/** What is told of a request that something has read and parsed. */
async function digestOfParsed(body: unknown, headers: Headers = JSON_TYPE): Promise<string | undefined> {
  const req = received(headers, 'x', null);
  await buffer(req);
  req.body = body;
  const [digest] = await digested(req);
  return digest;
}

/** A value in as many lists as that. */
function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

function listenersOf(req: IncomingMessage): number {
  return req.listenerCount('data') + req.listenerCount('end') + req.listenerCount('close');
}

describe('digestBody()', () => {
  it('distinguishes bodies, and the same bytes in another type or coding', async () => {
    const digests = [
      await digestOf(''),
      await digestOf('a'),
      await digestOf('b'),
      await digestOf('a', { 'content-type': 'text/plain' }),
      await digestOf('a', { 'content-type': 'text/html' }),
      await digestOf('a', { 'content-encoding': 'text/html' }),
      await digestOf('a', { 'content-encoding': 'gzip' }),
    ];
    expect(new Set(digests).size).to.equal(digests.length);
    for (const digest of digests) expect(digest).to.match(DIGEST);
  });

  it('is the same however a body was cut, and where type and coding are empty', async () => {
    const [cut] = await digested(received({}, 'ab', 'c', null));
    expect(cut).to.equal(await digestOf('abc', { 'content-type': '', 'content-encoding': '' }));
  });

  it('leaves what it has read for forward(), and nothing that listens', async () => {
    const timers = fakeTimers(/key-body/);
    const req = received({}, 'ab', 'c', null);
    const before = listenersOf(req);
    await digested(req);
    expect(req.rawBody).to.deep.equal(Buffer.from('abc'));
    expect(listenersOf(req)).to.equal(before);
    expect(timers.waiting.size).to.equal(0);
  });

  it('takes the bytes that something in front has kept, whatever it has parsed', async () => {
    const req = received(JSON_TYPE);
    req.rawBody = Buffer.from('{"a":1}');
    req.body = { b: 2 };
    expect(await digested(req)).to.deep.equal([await digestOf('{"a":1}', JSON_TYPE)]);
  });

  it('takes what a parser has left as bytes or as text, of any type', async () => {
    const type = { 'content-type': 'text/csv' };
    expect(await digestOfParsed(Buffer.from('a,b'), type)).to.equal(await digestOf('a,b', type));
    expect(await digestOfParsed('a,b', type)).to.equal(await digestOf('a,b', type));
  });

  for (const type of [
    'application/json',
    ' Application/JSON ; charset=utf-8',
    'application/vnd.api+json',
    'application/x-www-form-urlencoded',
  ]) {
    it(`takes what a parser has made of ${type} for all of it`, async () => {
      const headers = { 'content-type': type };
      expect(await digestOfParsed({ a: [1, 'b'] }, headers)).to.equal(
        await digestOf('{"a":[1,"b"]}', headers),
      );
    });
  }

  for (const type of [
    undefined,
    'multipart/form-data; boundary=x',
    'application/json5',
    'text/application/json',
    'application/+json',
    'application/a b+json',
    'text/plain; as=application/json',
  ]) {
    it(`does not for ${type}: there may be more than what was parsed`, async () => {
      expect(await digestOfParsed({ a: 1 }, type === undefined ? {} : { 'content-type': type })).to.equal(
        undefined,
      );
    });
  }

  for (const body of [
    {},
    [],
    null,
    true,
    0,
    1.5,
    Object.assign(Object.create(null), { a: '1' }),
    nested(100),
  ]) {
    it(`takes a parsed ${JSON.stringify(body).slice(0, 20)}`, async () => {
      expect(await digestOfParsed(body)).to.equal(await digestOf(JSON.stringify(body), JSON_TYPE));
    });
  }

  const strange: Readonly<Record<string, unknown>> = {
    'a date': new Date(0),
    'a number that JSON does not have': Number.NaN,
    nothing: undefined,
    'a function': () => 1,
    'an instance of a class': new Map(),
    'a big number': 1n,
    'more than a hundred lists': nested(101),
  };
  for (const [what, value] of Object.entries(strange)) {
    it(`refuses ${what}, whose text would not be all of it`, async () => {
      for (const body of [value, [1, value], { a: 1, b: value }]) {
        expect(await digestOfParsed(body)).to.equal(undefined);
      }
    });
  }

  it('refuses objects in more than a hundred objects', async () => {
    let body: unknown = {};
    for (let i = 0; i < 101; i++) body = { body };
    expect(await digestOfParsed(body)).to.equal(undefined);
  });

  it('refuses a body that was read and not kept, although its end was not looked at', async () => {
    const req = received({}, 'abc');
    req.read();
    req.complete = true;
    expect(await digested(req)).to.deep.equal([undefined]);
  });

  it('reads a body that has arrived as a whole, and the rest of one that was begun and put back', async () => {
    const whole = received({}, 'abc', null);
    whole.complete = true;
    const begun = received({}, 'abc', null);
    begun.unshift(begun.read());
    for (const req of [whole, begun]) expect(await digested(req)).to.deep.equal([await digestOf('abc')]);
  });

  it('does not begin to read a body that is announced as too large', async () => {
    const req = received({ 'content-length': String(MAX_KEY_BODY_BYTES + 1) }, 'abc');
    expect(await digested(req)).to.deep.equal([undefined]);
    expect([req.readableFlowing, req.readableDidRead]).to.deep.equal([null, false]);
  });

  it('reads one that is as large as it may be', async () => {
    const largest = Buffer.alloc(MAX_KEY_BODY_BYTES);
    const headers = { 'content-length': String(largest.length) };
    const [digest] = await digested(received(headers, largest, null));
    expect(digest).to.match(DIGEST);
  });

  it('puts back what it has read of a body that turns out too large, and reads no more', async () => {
    const timers = fakeTimers(/key-body/);
    const req = received({}, Buffer.alloc(MAX_KEY_BODY_BYTES, 'a'), 'b');
    const before = listenersOf(req);
    expect(await digested(req)).to.deep.equal([undefined]);
    expect([req.isPaused(), listenersOf(req), req.rawBody]).to.deep.equal([true, before, undefined]);
    expect(timers.waiting.size).to.equal(0);
    req.push('c');
    req.push(null);
    const body = await buffer(req);
    expect(body.length).to.equal(MAX_KEY_BODY_BYTES + 2);
    expect([body.subarray(0, 1), body.subarray(-3)].map(String)).to.deep.equal(['a', 'abc']);
  });

  it('keeps such a body where all of it has arrived', async () => {
    const req = received({}, Buffer.alloc(MAX_KEY_BODY_BYTES), 'b', null);
    req.complete = true;
    expect(await digested(req)).to.deep.equal([undefined]);
    expect(req.rawBody).to.have.length(MAX_KEY_BODY_BYTES + 1);
  });

  it('tells once that a client has stopped sending, and reads no more', async () => {
    const timers = fakeTimers(/key-body/);
    const goOn = stopClock();
    const req = received({}, 'a');
    const before = listenersOf(req);
    const tellings: Told[] = [];
    digestBody(req, (...told) => tellings.push(told));
    await setImmediate();
    goOn(30_000);
    timers.runNext();
    for (let turns = 0; turns < 3; turns++) await setImmediate();
    req.push('b');
    req.push(null);
    expect(tellings.map(([digest, error]) => [digest, error?.code])).to.deep.equal([
      [undefined, 'ERR_REQUEST_TIMEOUT'],
    ]);
    expect(listenersOf(req)).to.equal(before);
  });

  it('tells nothing where the client leaves, and waits no longer', async () => {
    const timers = fakeTimers(/key-body/);
    const req = received({}, 'a');
    let told = false;
    digestBody(req, () => {
      told = true;
    });
    req.destroy();
    await eventOf(req, 'close');
    expect([told, timers.waiting.size]).to.deep.equal([false, 0]);
  });
});
