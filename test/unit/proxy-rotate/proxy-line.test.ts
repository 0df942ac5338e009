import { expect } from 'chai';
import { readProxyLine } from '../../../lib/proxy-rotate/proxy-line.js';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

function read(line: string) {
  const listed = readProxyLine(line);
  if (typeof listed === 'string') throw new Error(listed);
  return listed;
}

const rule = (line: string) => {
  const listed = readProxyLine(line);
  return typeof listed === 'string' ? listed : 'none';
};

describe('readProxyLine()', () => {
  const forms: Record<string, { origin: string; authorization?: string }> = {
    'http://p.test:3128': { origin: 'http://p.test:3128' },
    'https://us%40er:p%3Aw@p.test': { origin: 'https://p.test:443', authorization: basic('us@er:p:w') },
    'p.test:3128': { origin: 'http://p.test:3128' },
    '10.0.0.1:8080': { origin: 'http://10.0.0.1:8080' },
    '[2001:db8::1]:8080': { origin: 'http://[2001:db8::1]:8080' },
    'p.test:3128:user:pass': { origin: 'http://p.test:3128', authorization: basic('user:pass') },
    'p.test:3128:user:pa:s%s@1/#': { origin: 'http://p.test:3128', authorization: basic('user:pa:s%s@1/#') },
    '[::1]:1:user-session-9:pw': { origin: 'http://[::1]:1', authorization: basic('user-session-9:pw') },
    'user:pa@ss:w@p.test:3128': { origin: 'http://p.test:3128', authorization: basic('user:pa@ss:w') },
  };
  for (const [line, expected] of Object.entries(forms)) {
    it(`reads ${line}`, () => {
      const { origin, authorization } = read(line).address;
      expect({ origin, ...(authorization ? { authorization } : {}) }).to.deep.equal(expected);
    });
  }

  it('has the name of host and port, and weighs 1', () => {
    expect(read('p.test:3128:user:pass')).to.deep.include({ name: 'p.test:3128', weight: 1, tags: [] });
  });

  it('reads a SOCKS proxy', () => {
    expect(read('socks5h://user:pass@p.test').address).to.include({ origin: 'socks5h://p.test:1080' });
  });

  it('reads settings behind the proxy', () => {
    expect(read('p.test:3128\tname=berlin  weight=2.5 tags=de,mobile costPerGb=3')).to.deep.include({
      name: 'berlin',
      weight: 2.5,
      tags: ['de', 'mobile'],
      costPerGb: 3,
    });
  });

  it('reads what the proxy is a gateway to', () => {
    const { session, name, maxConcurrency } = read(
      'p.test:3128:user-{session}:pass sessions=5 maxUses=100 maxConcurrency=9',
    );
    expect({ name, maxConcurrency, ...session }).to.deep.equal({
      ...{ name: 'p.test:3128', maxConcurrency: 9, sessions: 5, maxUses: 100 },
      url: 'http://user-%7Bsession%7D:pass@p.test:3128',
    });
    expect(read('http://user-{session}:pass@p.test').session).to.include({ sessions: undefined });
    expect(read('p.test:3128 rotating=true')).to.include({ rotating: true, session: undefined });
  });

  it('says what does not go together', () => {
    expect(rule('p.test:1 sessions=5')).to.equal(
      'has sessions=, which needs {session} in the user of the url',
    );
    expect(rule('p.test:1 maxUses=5')).to.equal('has maxUses=, which needs {session} in the user of the url');
    expect(rule('p.test:1:u-{session}:p rotating=true')).to.equal(
      'has rotating=, which cannot go with {session} in the url',
    );
    for (const wrong of ['sessions=0', 'sessions=', 'sessions=10001', 'maxUses=1.5', 'rotating=yes'])
      expect(rule(`p.test:1:u-{session}:p ${wrong}`)).to.match(/^has a value of \w+ that is not allowed$/);
  });

  it('says what is wrong with a line, and shows nothing of it', () => {
    const lines = [
      'secret',
      'p.test:secret',
      'p.test:99999:user:secret',
      'p.test:0:user:secret',
      'ftp://user:secret@p.test',
      'http://user:secret@p.test/path',
      'p test:1',
      'p.test:1 weight=secret',
      'p.test:1 weight=0',
      'p.test:1 costPerGb=',
      'p.test:1 tags=a,,secret',
      'p.test:1 colour=secret',
      'p.test:1 constructor=secret',
      'user:secret@p.test',
      'p.test:1:us\u0007er:secret',
    ];
    for (const line of lines) {
      expect(rule(line), line).to.match(/^(?:must|may|has) /);
      expect(rule(line), line).not.to.include('secret');
    }
  });
});
