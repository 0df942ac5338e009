import { expect } from 'chai';
import { MAX_VARIANTS } from '../../../../lib/cache/store/entry.js';
import { decodeEntry, ENTRY_VERSION, encodeEntry } from '../../../../lib/cache/store/entry-codec.js';
import { date, get, stored } from '../policy/stored-entry.js';

const FRESH = { 'Cache-Control': 'max-age=100', ETag: '"\u00fc"', Vary: 'Foo', 'Last-Modified': date(-100) };
const BODY = Buffer.from('0123456789');

function variant(value: string) {
  return { meta: stored(FRESH, {}, {}, get(['Foo', value])), body: BODY };
}

const VALUE = encodeEntry([variant('1'), variant('2')]);

describe('decodeEntry()', () => {
  it('returns what was encoded', () => {
    const decoded = decodeEntry(VALUE);
    expect(decoded?.map(({ meta }) => meta)).to.deep.equal([variant('1').meta, variant('2').meta]);
    expect(decoded?.map(({ body }) => Buffer.from(body).toString())).to.deep.equal([
      '0123456789',
      '0123456789',
    ]);
  });

  it('returns a body that came in chunks, and an empty one', () => {
    const pieces = [BODY.subarray(0, 3), BODY.subarray(3)];
    const [whole, empty] = decodeEntry(
      encodeEntry([
        { ...variant('1'), body: pieces },
        { meta: { ...variant('2').meta, bodyLength: 0, rawHeaders: [] }, body: [] },
      ]),
    ) ?? [undefined, undefined];
    expect(Buffer.from(whole?.body ?? []).toString()).to.equal('0123456789');
    expect(empty?.body.length).to.equal(0);
  });

  it('makes no copy of a body', () => {
    const [first] = decodeEntry(VALUE) ?? [];
    expect(first?.body.buffer).to.equal(VALUE.buffer);
  });

  it('reads a value that lies within a larger buffer', () => {
    const larger = Buffer.concat([Buffer.from('xyz'), VALUE, Buffer.from('xyz')]);
    expect(decodeEntry(larger.subarray(3, 3 + VALUE.length))).to.have.length(2);
  });

  it('misses on a value that is truncated anywhere', () => {
    for (let length = 0; length < VALUE.length; length++) {
      expect(decodeEntry(VALUE.subarray(0, length)), String(length)).to.equal(undefined);
    }
  });

  it('misses on a value with any byte changed', () => {
    for (let at = 0; at < VALUE.length; at++) {
      const changed = Buffer.from(VALUE);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(decodeEntry(changed), String(at)).to.equal(undefined);
    }
  });

  it('misses on a value with bytes after its end', () => {
    expect(decodeEntry(Buffer.concat([VALUE, Buffer.from('x')]))).to.equal(undefined);
  });

  it('misses on another version, and on anything foreign', () => {
    const older = Buffer.from(VALUE);
    older[4] = ENTRY_VERSION - 1;
    expect(decodeEntry(older)).to.equal(undefined);
    for (const foreign of ['', '{"a":1}', 'x'.repeat(100)]) {
      expect(decodeEntry(Buffer.from(foreign)), foreign.slice(0, 9)).to.equal(undefined);
    }
  });

  it('misses on a head that lacks a member, or has one of another type', () => {
    const { meta } = variant('1');
    for (const wrong of [
      { freshUntil: undefined },
      { freshUntil: '1' },
      { rawHeaders: ['a'] },
      { rawHeaders: [1, 2] },
      { tags: {} },
      { staleForbidden: 1 },
      { etag: 5 },
      { bodyLength: 11 },
      { rawHeaders: ['Content-Length', '4'] },
      { rawHeaders: ['Content-Length', '10', 'content-length', '4'] },
      { rawHeaders: ['Content-Length', '0xa'] },
      { rawHeaders: ['Transfer-Encoding', 'chunked'] },
      { rawHeaders: ['Connection', 'close'] },
      { status: 101 },
      { etag: '"a"\r\nX: b' },
      { lastModified: 'now\n' },
    ]) {
      // What an older release or another program may have written.
      const damaged = { ...meta, ...wrong } as typeof meta;
      expect(decodeEntry(encodeEntry([{ meta: damaged, body: BODY }])), JSON.stringify(wrong)).to.equal(
        undefined,
      );
    }
  });
});

describe('encodeEntry()', () => {
  it('encodes no more variants than a value holds', () => {
    const many = Array.from({ length: MAX_VARIANTS + 1 }, (_, index) => variant(String(index)));
    expect(decodeEntry(encodeEntry(many))).to.have.length(MAX_VARIANTS);
  });
});
