import { expect } from 'chai';
import { redactedMessage, redactedPath } from '../../../lib/stats/redaction.js';

describe('redactedPath()', () => {
  const secret = [
    'api_key',
    'apikey',
    'API-Key',
    'token',
    'access_token',
    'key',
    'client_secret',
    'password',
    'signature',
    'X-Amz-Signature',
    'X-Amz-Credential',
    'auth',
    'Authorization',
    'sig',
    'code',
    'session',
    '%61pi_key',
  ];
  for (const name of secret) {
    it(`masks the value of ${name}`, () => {
      expect(redactedPath(`/x?a=1&${name}=hunter2&b=2`)).to.equal(`/x?a=1&${name}=***&b=2`);
    });
  }

  it('leaves other parameters unchanged', () => {
    const path = '/x?page=2&sort=name&q=a%20b;z';
    expect(redactedPath(path)).to.equal(path);
  });

  it('masks credentials of URLs and signed tokens wherever they are', () => {
    expect(redactedPath('/go/https://jane:hunter2@host/x?u=http://a:b@c')).to.equal(
      '/go/https://***@host/x?u=http://***@c',
    );
    expect(redactedPath('/x/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln')).to.equal('/x/***');
  });

  it('limits the length', () => {
    expect(redactedPath(`/x?${'a=1&'.repeat(10_000)}`)).to.have.length.at.most(501);
    expect(redactedPath(`/x?token=${'s'.repeat(10_000)}`)).to.equal('/x?token=***');
  });

  it('treats a broken escape as text', () => {
    expect(redactedPath('/x?%zz=1&token%=2')).to.equal('/x?%zz=1&token%=***');
  });
});

describe('redactedMessage()', () => {
  it('masks what looks like a credential', () => {
    expect(redactedMessage('connect to http://jane:hunter2@proxy:8080 failed')).to.equal(
      'connect to http://***@proxy:8080 failed',
    );
    expect(redactedMessage('refused Bearer abcdef123456, sorry')).to.equal('refused Bearer ***, sorry');
    expect(redactedMessage('GET /x?api_key=hunter2&a=1')).to.equal('GET /x?api_key=***&a=1');
    expect(redactedMessage('password: "hunter 2" is wrong')).to.equal('password: *** is wrong');
  });

  it('leaves an ordinary message as it is', () => {
    const message =
      'Service temporarily unavailable: circuit "github" is open after 5 failures (last: status 503). Please try again in 30 seconds';
    expect(redactedMessage(message)).to.equal(message);
  });

  it('is one line of limited length', () => {
    expect(redactedMessage(`a\r\nb\n${'c'.repeat(1000)}`))
      .to.match(/^a b c+$/)
      .and.have.length.at.most(300);
  });
});
