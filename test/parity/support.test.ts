import { expect } from 'chai';
import { transcript } from './support/observation.js';
import type { ParityCase } from './support/parity-case.js';
import { rewritten } from './support/parity-tests.js';
import { runCase } from './support/run-case.js';
import { readMessages, request, response } from './support/wire.js';

const simple: ParityCase = {
  topic: 'target',
  name: 'x',
  options: ({ url }) => ({ target: url }),
  shows: /./,
};

describe('the parity suite', () => {
  it('reads messages of every framing, and detects one that broke off', () => {
    const bytes = [
      response('200 OK', [], 'one'),
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\ntwo\r\n0\r\nX-Sum: 1\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut',
    ].join('');
    const read = readMessages(bytes, { kind: 'response', closed: true });
    expect(read.map(({ framing, body, cut }) => [framing, body, cut])).to.deep.equal([
      ['length', 'one', false],
      ['none', '', false],
      ['chunked', 'two', false],
      ['none', '', false],
      ['length', 'cut', true],
    ]);
    expect(read[2]?.trailers).to.deep.equal([['X-Sum', '1']]);
    expect(readMessages(bytes, { kind: 'response', closed: false })).to.have.length(4);
  });

  it('knows that a response to HEAD has no body', () => {
    const bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx';
    const read = readMessages(bytes, { kind: 'response', methods: ['HEAD', 'GET'], closed: false });
    expect(read.map(({ body }) => body)).to.deep.equal(['', 'x']);
  });

  it('keeps requests and responses byte by byte', async () => {
    const { seen } = await runCase(
      { ...simple, send: request('POST /a?b', ['X-Odd:  \xe9'], '\x00\xff') },
      'plain',
    );
    expect(transcript(seen)).to.include('> POST /a?b HTTP/1.1\n').and.include('> x-odd: \xe9');
    expect(seen.upstreams.main?.requests[0]?.body).to.equal('\x00\xff');
  });

  it('fails if a declared difference has no effect', async () => {
    const idle = { what: 'nothing', why: 'nothing', apply: () => {} };
    const plain = await runCase(simple, 'plain');
    const declare = () => rewritten({ ...simple, differs: { both: [idle] } }, 'node', plain);
    expect(declare).to.throw('declared, but has no effect: nothing');
  });

  it('detects what would have ended the process', async () => {
    const throwing: ParityCase = {
      ...simple,
      hangs: ['plain'],
      options: ({ url }) => ({
        target: url,
        on: {
          proxyReq: () => {
            throw new Error('the end');
          },
        },
      }),
    };
    const { seen } = await runCase(throwing, 'plain');
    expect(seen.crashes).to.deep.equal(['uncaughtException: the end']);
  });
});
