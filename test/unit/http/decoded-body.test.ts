import zlib, { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { readable, readText } from '../../../lib/http/decoded-body.js';

const typed = (type: string, ...more: string[]) => ['Content-Type', type, ...more];

describe('the text of a body', () => {
  const page = 'Prüfung: 请输入验证码';
  const utf16 = Buffer.from(`\ufeff${page}`, 'utf16le');
  /** 验证码 */
  const gbk = Buffer.from('d1e9d6a4c2eb', 'hex');

  for (const [name, type, body, expected] of [
    ['UTF-8, where nothing is declared', 'text/html', Buffer.from(page), page],
    ['Latin-1, as the type declares', 'text/html; charset=ISO-8859-1', Buffer.from('Prüf', 'latin1'), 'Prüf'],
    ['UTF-16, as the type declares', 'text/html; Charset="utf-16le"', utf16, page],
    ['GBK, as the type declares', 'text/html;charset=gb2312', gbk, '验证码'],
    [
      'GBK, as the page declares',
      'text/html',
      Buffer.concat([Buffer.from('<meta charset="gbk">'), gbk]),
      '<meta charset="gbk">验证码',
    ],
    [
      'the type before the page',
      'text/html; charset=utf-8',
      Buffer.from('<meta charset=gbk>ü'),
      '<meta charset=gbk>ü',
    ],
    ['UTF-8 for a charset that nobody knows', 'text/html; charset=x-none', Buffer.from(page), page],
  ] as const) {
    it(`is read by its charset: ${name}`, () => {
      expect(readText(typed(type), body)).to.equal(expected);
    });
  }

  it('is read as far as it is there, in each coding', () => {
    const words = Array.from({ length: 20_000 }, (_, i) => `${i} ${Math.sin(i)}`).join(' ');
    const zstd: unknown = Reflect.get(zlib, 'zstdCompressSync');
    const codings: [string, (text: string) => Buffer][] = [
      ['gzip', gzipSync],
      ['br', (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
      ['deflate', deflateSync],
    ];
    if (typeof zstd === 'function') codings.push(['zstd', (text) => zstd(text)]);
    for (const [coding, compress] of codings) {
      const all = compress(words);
      const headers = typed('text/plain', 'content-encoding', coding);
      expect(readText(headers, all), coding).to.equal(words);
      const half = readText(headers, all.subarray(0, all.length / 2)) ?? '';
      expect(words.startsWith(half.slice(0, 1000)) && half.length > 1000, coding).to.equal(true);
    }
  });

  it('is none of a bomb, nor of what is not what it says', () => {
    const bomb = gzipSync(Buffer.alloc(2 * 1024 * 1024));
    expect(readText(['content-encoding', 'gzip'], bomb)).to.equal(undefined);
    expect(readText(['content-encoding', 'gzip'], Buffer.from('plain'))).to.equal(undefined);
    expect(readable(['content-encoding', 'gzip'], Buffer.from('plain')).toString()).to.equal('plain');
    expect(readable(['content-encoding', 'own'], Buffer.from('plain')).toString()).to.equal('plain');
  });
});
