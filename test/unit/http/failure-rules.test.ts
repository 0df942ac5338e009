import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { bodyReader, type JudgedResponse, judgeBody, type Rules } from '../../../lib/http/failure-rules.js';

const judge = (rules: Rules, body: unknown, type = 'application/json') =>
  judgeBody(
    rules,
    { status: 200, statusText: '', rawHeaders: ['content-type', type] },
    whole(Buffer.from(JSON.stringify(body))),
  );
const whole = (bytes: Buffer) => ({ bytes, complete: true });

describe('judgeBody()', () => {
  it('says nothing without rules, or where none holds', () => {
    expect(judge(undefined, { errors: 1 })).to.equal(undefined);
    expect(judge([{ json: '/errors' }, () => false], { data: 1 })).to.equal(undefined);
  });

  it('says what the first rule says that holds', () => {
    const spent = { json: '/code', equals: 'spent', retry: false };
    expect(judge([spent, { json: '/errors' }], { code: 'spent', errors: 1 })).to.equal('stop');
    expect(judge([{ json: '/errors' }, spent], { code: 'spent', errors: 1 })).to.equal('failure');
    expect(judge([spent, { json: '/errors', retry: true }], { errors: 1 })).to.equal('failure');
    expect(judge(() => 'stop', {})).to.equal('stop');
  });

  it('says nothing of a body that is larger than what is held', () => {
    const head = { status: 200, statusText: '', rawHeaders: ['content-type', 'application/json'] };
    const body = { bytes: Buffer.from('{"errors":1}'), complete: false };
    expect(judgeBody({ json: '/errors' }, head, body)).to.equal(undefined);
  });

  it('gives functions a body that can be read', () => {
    let seen: JudgedResponse | undefined;
    const rule = (response: JudgedResponse) => {
      seen = response;
      return true;
    };
    const rawHeaders = ['Content-Encoding', 'gzip'];
    expect(judgeBody(rule, { status: 201, statusText: '', rawHeaders }, whole(gzipSync('text')))).to.equal(
      'failure',
    );
    expect([seen?.status, seen?.rawHeaders, seen?.body.toString()]).to.deep.equal([201, rawHeaders, 'text']);
    judgeBody(rule, { status: 201, statusText: '', rawHeaders }, whole(Buffer.from('text')));
    expect(seen?.body.toString(), 'not compressed, whatever its header says').to.equal('text');
  });
});

describe('bodyReader()', () => {
  it('wants JSON for pointers, and any body for functions', () => {
    const head = (type: string) => ({ status: 200, statusText: '', rawHeaders: ['content-type', type] });
    const wants = (rules: Rules, type: string) => bodyReader(rules)?.wantsBody(head(type));
    expect(bodyReader(undefined)).to.equal(undefined);
    expect(wants({ json: '/a' }, 'application/graphql-response+json')).to.equal(true);
    expect(wants([{ json: '/a' }], 'text/html')).to.equal(false);
    expect(wants([{ json: '/a' }, () => false], 'text/html')).to.equal(true);
  });
});
