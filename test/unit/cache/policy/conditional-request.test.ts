import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { isConditional, replaceHeaders } from '../../../../lib/cache/policy/conditional-request.js';

describe('isConditional()', () => {
  for (const name of ['Range', 'rANGE', 'If-None-Match', 'if-modified-since', 'IF-RANGE', 'If-Match']) {
    it(`recognises ${name}, wherever it is`, () => {
      expect(isConditional(['Accept', '*/*', name, 'x', 'Host', 'a'])).to.equal(true);
      expect(isConditional([name, 'x'])).to.equal(true);
    });
  }

  for (const name of [
    'Dates',
    'Accept',
    'Cookie',
    'If-X',
    'X-If-Match',
    'My-If-Match',
    'In-Reply-To',
    'Iffy-Name',
    'Ranges',
  ]) {
    it(`does not take ${name} for a condition`, () => {
      expect(isConditional([name, 'range', 'Host', 'if-match'])).to.equal(false);
    });
  }

  it('is false without headers', () => {
    expect(isConditional([])).to.equal(false);
  });
});

describe('replaceHeaders()', () => {
  function conditional(): IncomingMessage {
    const req = new IncomingMessage(new Socket());
    req.rawHeaders = ['Host', 'a', 'If-None-Match', '"client"', 'Range', 'bytes=0-1', 'X-A', '1'];
    req.headers = { host: 'a', 'if-none-match': '"client"', range: 'bytes=0-1', 'x-a': '1' };
    return req;
  }

  it("puts the cache's conditions in the place of the client's", () => {
    const req = conditional();
    const lines = ['Host', 'a', 'X-A', '1', 'If-None-Match', '"stored"', 'If-Modified-Since', 'then'];
    replaceHeaders(req, lines);
    expect(req.rawHeaders).to.deep.equal(lines);
    expect(req.headers).to.deep.equal({
      host: 'a',
      'if-none-match': '"stored"',
      'if-modified-since': 'then',
      'x-a': '1',
    });
  });

  it('leaves all other headers as Node has joined them', () => {
    const req = conditional();
    req.headers.cookie = 'a=1; b=2';
    replaceHeaders(req, ['Cookie', 'a=1', 'Cookie', 'b=2']);
    expect(req.headers).to.deep.equal({ host: 'a', cookie: 'a=1; b=2', 'x-a': '1' });
  });

  it("keeps no reference to the lines, and gives the client's back", () => {
    const req = conditional();
    const lines = ['If-None-Match', '"stored"'];
    const restore = replaceHeaders(req, lines);
    lines.push('X', 'y');
    expect(req.rawHeaders).to.deep.equal(['If-None-Match', '"stored"']);
    restore();
    const { rawHeaders, headers } = conditional();
    expect([req.rawHeaders, req.headers]).to.deep.equal([rawHeaders, headers]);
  });
});
