import { expect } from 'chai';
import { codingProblem } from '../../../lib/http/transfer-coding.js';

describe('codingProblem (RFC 9112 §6.1)', () => {
  const problemOf = (...codings: string[]) => {
    const rawHeaders = codings.flatMap((coding) => ['Transfer-Encoding', coding]);
    return codingProblem({ status: 200, rawHeaders }, 'GET');
  };

  it('takes chunked, in any case, and no coding at all', () => {
    for (const codings of [[], ['chunked'], [' Chunked ']]) expect(problemOf(...codings)).to.equal(undefined);
  });

  it('refuses what is coded besides', () => {
    for (const codings of [
      ['gzip'],
      ['x-gzip'],
      ['gzip, chunked'],
      ['unknown, chunked'],
      ['gzip', 'chunked'],
      [''],
    ])
      expect(problemOf(...codings), codings.join(' | ')).to.be.a('string');
  });

  it('takes a word that names no coding for what it is', () => {
    expect(problemOf('anything')).to.equal(undefined);
    expect(problemOf('anything', 'gzip')).to.be.a('string');
  });
});
