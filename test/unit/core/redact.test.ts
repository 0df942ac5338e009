import { expect } from 'chai';
import { isSecretName, redactPath, redactQuery, withoutUser } from '../../../lib/core/redact.js';

describe('isSecretName()', () => {
  const SECRET = [
    ...[
      'key',
      'api_key',
      'apiKey',
      'X-Api-Key',
      'token',
      'access_token',
      'password',
      'passwd',
      'pwd',
      'PASSPHRASE',
    ],
    ...[
      'client_secret',
      'X-Amz-Signature',
      'credential',
      'X-Amz-Credentials',
      'session',
      'sessionId',
      'id_jwt',
    ],
    ...['sig', 'auth', 'authorization', 'auth_1', 'code', 'sid', 'api%5Fkey', 'tok%65n'],
  ];
  for (const name of SECRET) it(`holds for ${name}`, () => expect(isSecretName(name)).to.equal(true));

  const PLAIN = [
    ...[
      'page',
      'keys',
      'keyword',
      'tokens',
      'passwor',
      'passwo',
      'secretly',
      'sessions',
      'sessionide',
      'user',
    ],
    ...['x_sig', 'design', 'x_auth', 'zipcodes', 'encode', 'zip_code', 'inside', 'x_sid', 'a%', '%E0%A4%A'],
  ];
  for (const name of PLAIN) it(`does not hold for ${name}`, () => expect(isSecretName(name)).to.equal(false));
});

describe('redactQuery()', () => {
  it('masks the values of secrets, and keeps all else as it is', () => {
    expect(redactQuery('a=1&token=abc&b=%20;key=x=y&&c')).to.equal('a=1&token=***&b=%20;key=***&&c');
    expect(redactQuery('token=abc', 'x')).to.equal('token=x');
    expect(redactQuery('token')).to.equal('token');
    expect(redactQuery('=token')).to.equal('=token');
    expect(redactQuery('')).to.equal('');
  });
});

describe('withoutUser()', () => {
  it('masks user and password of each URL', () => {
    expect(withoutUser('at http://a:b@h/x and https://c@h?d=e@f')).to.equal(
      'at http://***@h/x and https://***@h?d=e@f',
    );
    expect(withoutUser('http://a:b@h', 'x')).to.equal('http://x@h');
    for (const text of ['http://h/a@b', 'http://h?a@b', 'http://h#a@b', 'http:// a@b', 'a@b']) {
      expect(withoutUser(text)).to.equal(text);
    }
  });
});

describe('redactPath()', () => {
  it('masks what its query names a secret, and users in URLs', () => {
    expect(redactPath('/a?token=b&c=d')).to.equal('/a?token=***&c=d');
    expect(redactPath('/token=a')).to.equal('/token=a');
    expect(redactPath('?key=a')).to.equal('?key=***');
    expect(redactPath('/to/http://a:b@h/?u=http://c:d@h')).to.equal('/to/http://***@h/?u=http://***@h');
    expect(redactPath('/to/http://a:b@h')).to.equal('/to/http://***@h');
  });
});
