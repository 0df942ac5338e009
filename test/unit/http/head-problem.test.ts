import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { headProblem } from '../../../lib/http/head-problem.js';

const problemOf = (status: number, ...rawHeaders: string[]) => headProblem({ status, rawHeaders });

describe('headProblem()', () => {
  for (const status of [101, 200, 204, 304, 404, 599, 999]) {
    it(`finds nothing wrong with status ${status}`, () => {
      expect(problemOf(status)).to.equal(undefined);
    });
  }

  for (const status of [0, 1, 99, 100, 102, 103, 199, 1000, Number.NaN, -200]) {
    it(`finds status ${status} unsendable`, () => {
      expect(problemOf(status)).to.equal(`status ${status}`);
    });
  }

  it('finds a name that is no token, which it does not repeat', () => {
    for (const name of ['', 'a b', 'a:', 'ä', 'a\r', 'a\n', '(a)', 'a"', 'a\0', '\na']) {
      expect(problemOf(200, 'Date', 'x', name, 'x'), name).to.equal('a header name that is not a token');
    }
    for (const name of ["!#$%&'*+-.^_`|~", '0', 'Z', 'a'])
      expect(problemOf(200, name, '')).to.equal(undefined);
  });

  it('finds controls in a value, of which it says the name alone', () => {
    for (const value of ['\0', 'a\r\nb', '\n', '\x1f', 'a\x7f', '\u0100', '✓']) {
      expect(problemOf(200, 'Date', 'x', 'X-A', value)).to.equal('control characters in X-A');
    }
    for (const value of ['', ' ', '\t', '~', '\x80', 'ÿ'])
      expect(problemOf(200, 'X-A', value)).to.equal(undefined);
  });

  it('leaves a name without a value to itself', () => {
    expect(problemOf(200, 'X-A', 'x', 'no value')).to.equal(undefined);
  });

  it('lets through just what Node writes', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 300 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 1100 }), text, text, (status, name, value) => {
        const req = new IncomingMessage(new Socket());
        const res = new ServerResponse(req);
        let refused = false;
        try {
          res.writeHead(status, [name, value]);
        } catch {
          refused = true;
        }
        expect(problemOf(status, name, value) !== undefined).to.equal(refused);
      }),
      { numRuns: 1000 },
    );
  });
});
