import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { mayTellUsage, UsageReader } from '../../../lib/http/usage.js';

const JSON_TYPE = ['Content-Type', 'application/json'];
const EVENTS = ['content-type', 'text/event-stream'];

function read(
  rawHeaders: string[],
  body: string | Buffer,
  { pointer = '/usage/total_tokens', size = 1000 } = {},
) {
  const reader = new UsageReader(pointer, rawHeaders);
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += size) reader.add(bytes.subarray(at, at + size));
  return reader.read();
}

const told = (value: unknown) => JSON.stringify({ usage: { total_tokens: value } });

describe('UsageReader', () => {
  it('finds a number, in pieces too, and rounds it up', () => {
    expect(read(JSON_TYPE, told(12), { size: 3 })).to.equal(12);
    expect(read(JSON_TYPE, told(12.1))).to.equal(13);
    expect(read(JSON_TYPE, told(0))).to.equal(0);
    expect(read(JSON_TYPE, '{"a/b":[1,{"n":7}]}', { pointer: '/a~1b/1/n' })).to.equal(7);
  });

  it('passes over a byte order mark', () => {
    expect(read(JSON_TYPE, `\ufeff${told(12)}`)).to.equal(12);
    expect(read(EVENTS, `\ufeffdata: ${told(3)}\n\n`)).to.equal(3);
  });

  for (const value of ['5', -1, null, true, [5], undefined])
    it(`takes ${JSON.stringify(value)} for nothing`, () => {
      expect(read(JSON_TYPE, told(value))).to.equal(undefined);
    });

  it('finds nothing in what is no JSON, or has no such member', () => {
    for (const body of ['', '{', '[]', '7', '{"usage":{}}'])
      expect(read(JSON_TYPE, body), body).to.equal(undefined);
  });

  it('reads a mebibyte of JSON, and no more', () => {
    const padded = (bytes: number) => `{"pad":"${'x'.repeat(bytes)}","usage":{"total_tokens":1}}`;
    expect(read(JSON_TYPE, padded(1_000_000), { size: 65_536 })).to.equal(1);
    expect(read(JSON_TYPE, padded(1_100_000), { size: 65_536 })).to.equal(undefined);
    const packed = gzipSync(padded(5_000_000));
    expect(read([...JSON_TYPE, 'Content-Encoding', 'gzip'], packed)).to.equal(1);
  });

  it('takes the last event of a stream that has it, whatever its line ends are', () => {
    for (const end of ['\n', '\r\n', '\r'])
      expect(
        read(EVENTS, ['data: {}', `data:${told(3)}`, '', `data: ${told(9)}`, 'data: [DONE]', ''].join(end)),
      ).to.equal(9);
    expect(read(EVENTS, `event: x\ndata: ${told(4)}\n\ndata: {"usage":null}\n\n`)).to.equal(4);
  });

  it('looks at the last 64 KiB of a stream', () => {
    const filler = `data: {"text":"${'x'.repeat(1000)}"}\n`;
    expect(read(EVENTS, `${filler.repeat(500)}data: ${told(9)}\n`)).to.equal(9);
    expect(read(EVENTS, `data: ${told(9)}\n${filler.repeat(50)}`)).to.equal(9);
    expect(read(EVENTS, `data: ${told(9)}\n${filler.repeat(500)}`)).to.equal(undefined);
  });
});

describe('mayTellUsage()', () => {
  it('is of JSON and of streams', () => {
    for (const type of [
      'application/json',
      'application/problem+json; charset=utf-8',
      'text/event-stream',
      'application/x-ndjson',
    ])
      expect(mayTellUsage(['content-type', type]), type).to.equal(true);
    for (const type of ['text/html', 'image/png', ''])
      expect(mayTellUsage(['content-type', type]), type).to.equal(false);
    expect(mayTellUsage([])).to.equal(false);
  });
});
