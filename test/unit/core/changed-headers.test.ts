import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { takeChangedHeaders } from '../../../lib/core/changed-headers.js';

/** A request as Node makes it of these lines, changed as a middleware would. */
function changed(lines: string[], headers: Record<string, unknown>): readonly string[] {
  const req = new IncomingMessage(new Socket());
  req.rawHeaders = lines;
  req.headers = headers as IncomingMessage['headers'];
  takeChangedHeaders(req);
  return req.rawHeaders;
}

describe('takeChangedHeaders()', () => {
  it('leaves a list alone of which nothing was changed', () => {
    const lines = [
      'Host',
      'a',
      'X-A',
      '1',
      'Cookie',
      'a=1',
      'cookie',
      'b=2',
      'X-B',
      '1',
      'x-b',
      '2',
      'Age',
      '1',
      'age',
      '2',
    ];
    const headers = { host: 'a', 'x-a': '1', cookie: 'a=1; b=2', 'x-b': '1, 2', age: '1' };
    expect(changed(lines, headers)).to.equal(lines);
    expect(changed(lines, { ...headers, age: '1, 2' })).to.equal(lines);
    expect(changed(['Set-Cookie', 'a', 'set-cookie', 'b'], { 'set-cookie': ['a', 'b'] })).to.have.length(4);
  });

  it('has what was replaced, added and deleted', () => {
    const lines = ['X-A', '1', 'X-B', '2', 'X-C', '3', 'X-A', '4'];
    expect(changed(lines, { 'x-a': '5', 'x-c': '3', 'x-d': 6, 'x-e': ['7', '8'] })).to.deep.equal([
      'X-A',
      '5',
      'X-C',
      '3',
      'x-d',
      '6',
      'x-e',
      '7',
      'x-e',
      '8',
    ]);
    expect(lines).to.have.length(8);
    expect(changed(['X-A', '1', 'X-B', '2'], { 'x-a': undefined, 'x-b': null })).to.deep.equal([]);
  });

  it('takes a name in another letter case for the later word', () => {
    expect(changed(['x-a', '1'], { 'x-a': '1', 'X-A': '2' })).to.deep.equal(['x-a', '2']);
  });

  it('keeps what says how the message was read', () => {
    const lines = ['Host', 'a', 'Content-Length', '3', '__proto__', '1'];
    expect(changed(lines, { host: 'b', 'transfer-encoding': 'chunked', ':path': '/' })).to.equal(lines);
  });

  it('leaves the list of a request alone whose headers were never read', () => {
    expect(changed(['Host', 'a', 'X-A', '1'], {})).to.have.length(4);
  });

  it('sees that a name took the place of another', () => {
    expect(changed(['X-A', '1', 'X-B', '1'], { 'x-a': '1', 'x-c': '1' })).to.deep.equal([
      'X-A',
      '1',
      'x-c',
      '1',
    ]);
  });

  it('makes the list of a request that has none', () => {
    expect(changed([], { host: 'a', authorization: 'Bearer 1' })).to.deep.equal([
      'authorization',
      'Bearer 1',
    ]);
  });
});
