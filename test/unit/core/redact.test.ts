import { expect } from 'chai';
import { isSecretName, redactPath, redactQuery, redactText, withoutUser } from '../../../lib/core/redact.js';

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
  SECRET.push(
    ...[
      'token[0]',
      'token[]',
      'tokens[key]',
      'user[password]',
      'user[token][value]',
      'auth.0',
      'token%5B0%5D',
    ],
    ...['otp', 'user_otp', 'totp', 'pin', 'passcode', 'pass', 'cvv', 'verification_code', 'code_verifier'],
    ...[
      'token0',
      'api_key_2',
      'PHPSESSID',
      'JSESSIONID',
      'SAMLResponse',
      'appid',
      'api_sig',
      'oauth_verifier',
    ],
    ...['client_assertion', 'id_token_hint', 'Cookie'],
  );
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
  PLAIN.push(
    ...[
      'author',
      'authors',
      'author_id',
      'authority',
      'max_tokens',
      'shipping',
      'compass',
      'bypass',
      'page2',
    ],
    ...['items[0]', 'filter[name]', 'sort.by', 'laptop', 'desktop', 'postcode', 'country_code'],
  );
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
    expect(withoutUser('http://a:p@ss@h/x@y')).to.equal('http://***@h/x@y');
    for (const text of ['http://h/a@b', 'http://h?a@b', 'http://h#a@b', 'http:// a@b', 'a@b']) {
      expect(withoutUser(text)).to.equal(text);
    }
  });
});

describe('redactPath()', () => {
  it('masks what its query names a secret, and users in URLs', () => {
    expect(redactPath('/a?token=b&c=d')).to.equal('/a?token=***&c=d');
    expect(redactPath('?key=a')).to.equal('?key=***');
    expect(redactPath('/to/http://a:b@h/?u=http://c:d@h')).to.equal('/to/http://***@h/?u=http://***@h');
    expect(redactPath('/to/http://a:b@h')).to.equal('/to/http://***@h');
  });
});

describe('redactPath() of secrets in a path', () => {
  const masked: [path: string, shown: string][] = [
    ['/bot123:TOKEN/getMe', '/bot123:***/getMe'],
    ['/file/bot123456:AAF-x_y/a.jpg?x=1', '/file/bot123456:***/a.jpg?x=1'],
    ['/bot123%3aTOKEN/getMe', '/bot123%3a***/getMe'],
    ['/7654321:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/x', '/7654321:***/x'],
    ['/token=a/b', '/token=***/b'],
    ['/users;jsessionid=A1B2;v=1/x', '/users;jsessionid=***;v=1/x'],
    ['/reset-password/8fj2k3l4m5n6/form', '/reset-password/***/form'],
    ['/v1/token/abc123def456', '/v1/token/***'],
    ['/api/webhooks/123456789012/aB3dE5fG7hI9jK', '/api/webhooks/123456789012/***'],
    ['/services/hooks/T00/B00/xY1zA2bC3dE4', '/services/hooks/T00/B00/***'],
    ['/services/T0AB/B0CD/aBcDeFgHiJ', '/services/T0AB/B0CD/***'],
    ['/webhookb2/a1b2c3d4e5f6/IncomingWebhook', '/webhookb2/***/IncomingWebhook'],
    ['/login?ticket=ST-12-aB3dE5fG7h&ticket_id=7', '/login?ticket=***&ticket_id=7'],
    ['/x?hmac=1&_csrf=2&pw=3&creds=4', '/x?hmac=***&_csrf=***&pw=***&creds=***'],
    [`/x/hf_${'aB'.repeat(12)}/y`, '/x/***/y'],
    ['/x/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln/y', '/x/***/y'],
    [`/x/ghp_${'a1'.repeat(18)}`, '/x/***'],
    [`/x?q=sk-${'a1'.repeat(12)}&b=1`, '/x?q=***&b=1'],
    ['/x?next=%2Fy%3Ftoken%3Dabc%26b%3D1&c=2', '/x?next=%2Fy%3Ftoken%3D***%26b%3D1&c=2'],
    [
      '/x?next=%2Fy%3Fto%3D%252Fz%253Ftoken%253Dabc%2526b%253D1%26c%3D2&d=3',
      '/x?next=%2Fy%3Fto%3D%252Fz%253Ftoken%253D***%2526b%253D1%26c%3D2&d=3',
    ],
    ['/x?next=%2Fy%3Ftoken%3Dab%2526c%26b%3D1', '/x?next=%2Fy%3Ftoken%3D***%26b%3D1'],
    ['/x?next=/y?token=abc&b=1', '/x?next=/y?token=***&b=1'],
    ['/x?next=/y#access_token=abc&b=1', '/x?next=/y#access_token=***&b=1'],
    ['/x?password=a?b=c', '/x?password=***'],
    ['/cb#access_token=abc&state=1', '/cb#access_token=***&state=1'],
    [
      '/graphql?variables=%7B%22id%22:%227%22,%22token%22%3A%20%22abc%22%7D&b=1',
      '/graphql?variables=%7B%22id%22:%227%22,%22token%22%3A%20%22***%22%7D&b=1',
    ],
    ['/x?where={"password":"a%20b","page":"2"}', '/x?where={"password":"***","page":"2"}'],
    [
      '/x?header=Authorization%3A%20Bearer%20abcdef123456&b=1',
      '/x?header=Authorization%3A%20Bearer%20***&b=1',
    ],
    ['/x?h=Basic+dXNlcjpwYXNz', '/x?h=Basic+***'],
    ['/x?token[0]=a&token%5B%5D=b&otp=123456&page=2', '/x?token[0]=***&token%5B%5D=***&otp=***&page=2'],
  ];
  for (const [path, shown] of masked)
    it(`shows ${path} as ${shown}`, () => expect(redactPath(path)).to.equal(shown));

  for (const path of [
    '/users/123/orders/456?page=2',
    '/v1/chat/completions',
    '/bottles:red/a',
    '/ratio/16:9',
    '/2026-11-30T10:00:00/x',
    '/repos/owner/name/keys/123',
    '/tokens/count',
    '/maps/@52.5,13.4,15z',
    '/a;v=1,x=2/b',
    '/files/3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    '/x?next=%2Fy%3Fpage%3D2',
    '/x?next=%2Fy%3Fto%3D%252Fz%253Fpage%253D2',
    '/x?next=/y?page=2#top',
    '/x?q=%22tokens%22:%2212%22',
    '/x?q=basic+english',
  ])
    it(`leaves ${path} as it is`, () => expect(redactPath(path)).to.equal(path));

  const MORE = [
    '1',
    '%25',
    '%253ftoken',
    '%2525253f',
    '%22a%22:',
    '%22token%22:%22',
    '?token=',
    '#',
    'basic+',
  ];

  it('takes time that grows with the length alone', () => {
    for (const part of [
      '-eyJaaaaaaaa',
      '/1234:',
      ';a',
      '%3ftoken',
      '/bot1',
      '://',
      'SG.aaaaaaaaaaaaaaaa',
      ...MORE,
    ]) {
      const text = part.repeat(65_536 / part.length);
      const begun = performance.now();
      redactPath(`/${text}`);
      redactPath(`/?${text}x=1`);
      expect(performance.now() - begun, part).to.be.below(500);
    }
  });
});

describe('redactText()', () => {
  it('masks credentials of URLs, schemes and known formats, and leaves the rest', () => {
    expect(redactText('GET https://u:p@api.example/bot123:TOKEN/x?otp=1&a=2 failed')).to.equal(
      'GET https://***@api.example/bot123:***/x?otp=***&a=2 failed',
    );
    expect(redactText('sent Authorization: Bearer abcdef123456')).to.equal('sent Authorization: Bearer ***');
    expect(redactText('sent Authorization: Token abc123, then left')).to.equal(
      'sent Authorization: ***, then left',
    );
    expect(redactText(`{"x-api-key":"abc","cookie":"a=b; c=d","x":"y"}`)).to.equal(
      `{"x-api-key":"***","cookie":"***","x":"y"}`,
    );
    const message = "connect ECONNREFUSED 127.0.0.1:8080; Unexpected token 'h' at file:///a/b.js:1:2";
    expect(redactText(message)).to.equal(message);
  });
});
