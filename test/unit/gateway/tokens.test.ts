import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError } from '../../../lib/config/config-error.js';
import { readTokens, tokenCheck } from '../../../lib/gateway/tokens.js';

const LONG = 'a-token-that-nobody-guesses';
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

describe('readTokens()', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const put = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const refusal = (env: Record<string, string>): string => {
    try {
      readTokens(env);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error('It was accepted');
  };

  it('reads none where nothing is set, and takes an empty variable for nothing', () => {
    const none = { tokens: { admin: undefined, viewer: undefined }, files: [], warnings: [] };
    expect(readTokens({})).to.deep.equal(none);
    expect(readTokens({ ADMIN_TOKEN_FILE: '', VIEWER_TOKEN: '' })).to.deep.equal(none);
  });

  it('warns of an empty ADMIN_TOKEN that leaves the routes open', () => {
    const open = ['ADMIN_TOKEN is empty: the admin routes are open to all clients on this machine'];
    expect(readTokens({ ADMIN_TOKEN: '', ADMIN_TOKEN_FILE: '' }).warnings).to.deep.equal(open);
    expect(readTokens({ ADMIN_TOKEN: '', VIEWER_TOKEN: LONG }).warnings).to.deep.equal([]);
    expect(readTokens({ ADMIN_TOKEN: '', ADMIN_TOKEN_FILE: put('admin', LONG) }).warnings).to.deep.equal([]);
  });

  it('warns of white space, which no bearer token has', () => {
    expect(readTokens({ ADMIN_TOKEN: `${LONG} ` }).warnings).to.deep.equal([
      'ADMIN_TOKEN has white space in it: as a bearer token it will not be recognized',
    ]);
  });

  it('reads them from variables, or from the files that variables name', () => {
    const file = put('viewer', `${LONG}-v\n`);
    expect(readTokens({ ADMIN_TOKEN: LONG, VIEWER_TOKEN_FILE: file })).to.deep.equal({
      tokens: { admin: LONG, viewer: `${LONG}-v` },
      files: [file],
      warnings: [],
    });
  });

  it('refuses a file that would leave the routes open', () => {
    expect(refusal({ ADMIN_TOKEN_FILE: put('empty', '\n') })).to.equal(
      `the environment: ADMIN_TOKEN_FILE names the file ${folder}/empty, which is empty`,
    );
    expect(refusal({ VIEWER_TOKEN_FILE: `${folder}/none` })).to.equal(
      `the environment: VIEWER_TOKEN_FILE names the file ${folder}/none, which does not exist`,
    );
    expect(refusal({ ADMIN_TOKEN_FILE: '/dev/zero' })).to.match(/which is a device/);
  });

  it('refuses two that contradict each other, and shows none of them', () => {
    expect(refusal({ ADMIN_TOKEN: LONG, ADMIN_TOKEN_FILE: '/run/a' })).to.equal(
      'the environment: ADMIN_TOKEN_FILE must not be set beside ADMIN_TOKEN: keep one of them',
    );
    expect(refusal({ ADMIN_TOKEN: LONG, VIEWER_TOKEN: LONG })).to.equal(
      'the environment: VIEWER_TOKEN must differ from ADMIN_TOKEN: it would allow actions',
    );
  });

  it('warns of those that are short', () => {
    const { warnings } = readTokens({ ADMIN_TOKEN: '15-characters--', VIEWER_TOKEN: '16-characters---' });
    expect(warnings).to.deep.equal([
      'ADMIN_TOKEN has fewer than 16 characters and may be guessed; openssl rand -hex 32 makes one that cannot',
    ]);
  });
});

describe('tokenCheck()', () => {
  const kindOf = tokenCheck({ admin: 'admin-token', viewer: 'viewer-token' });

  it('recognizes a bearer token, and the password of any user', () => {
    expect(kindOf('Bearer admin-token')).to.equal('admin');
    expect(kindOf('bearer viewer-token')).to.equal('viewer');
    expect(kindOf(basic('me:admin-token'))).to.equal('admin');
    expect(kindOf(basic(':viewer-token'))).to.equal('viewer');
  });

  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer admin-toke',
    'Bearer admin-token2',
    'admin-token',
    'Basic admin-token',
    'Digest admin-token',
    basic('admin-token'),
  ])
    it(`does not recognize ${JSON.stringify(wrong)}`, () => expect(kindOf(wrong)).to.equal(undefined));

  it('recognizes nothing where there are no tokens', () => {
    const none = tokenCheck({ admin: '', viewer: undefined });
    for (const value of [undefined, 'Bearer ', basic(':'), basic('a:'), 'Bearer undefined'])
      expect(none(value), value).to.equal(undefined);
  });
});
