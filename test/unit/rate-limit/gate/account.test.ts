import { expect } from 'chai';
import { type AdvertisedLimits, readLimits } from '../../../../lib/http/advertised-limits.js';
import { Account } from '../../../../lib/rate-limit/gate/account.js';

const NOW = 1_700_000_000_000;
const TARGET = { method: 'POST', url: '/v1/responses', scope: undefined };

/** A 429 of OpenAI, with so many tokens left, which waits half a second. */
const tooMany = (tokens: number): AdvertisedLimits =>
  readLimits(
    429,
    [
      ...['x-ratelimit-limit-requests', '500', 'x-ratelimit-remaining-requests', '400'],
      ...['x-ratelimit-limit-tokens', '30000', 'x-ratelimit-remaining-tokens', `${tokens}`],
      ...['retry-after-ms', '500'],
    ],
    () => NOW,
  ) as AdvertisedLimits;

const learn = (tokens: number, needs: number) =>
  new Account().learn(TARGET, tooMany(tokens), NOW, 0, (name) => ({
    needs: name === 'tokens' ? needs : 1,
    refusal: () => undefined,
  }));

describe('Account', () => {
  it('lays a refusal on the limit with less left than a call may take', () => {
    const news = learn(100, 180);
    expect(news.get('tokens')).to.include({ refused: true, limited: true, waitMs: 500, remaining: 100 });
    expect(news.get('requests')).to.include({ refused: false, remaining: 400 });
    expect([...news.keys()]).to.have.members(['requests', 'tokens']);
  });

  it('lays it on the path, where all that is told has room', () => {
    const news = learn(20_000, 180);
    expect(news.get('tokens')).to.include({ refused: false });
    expect(news.get('/v1/responses')).to.include({ refused: true, waitMs: 500 });
  });

  const told = (prefix: string) => [`${prefix}RateLimit-Limit`, '11', `${prefix}RateLimit-Remaining`, '10'];
  const forms: [what: string, rawHeaders: string[], names: string[]][] = [
    ['RateLimit-* and X-RateLimit-*', [...told(''), ...told('X-')], ['/v1/responses']],
    [
      'RateLimit and X-RateLimit-*',
      [...told('X-'), 'RateLimit', 'limit=11, remaining=10'],
      ['/v1/responses'],
    ],
    [
      'both with a name',
      [...told(''), ...told('X-'), 'X-RateLimit-Resource', 'core', 'RateLimit', '"core";r=10'],
      ['core'],
    ],
  ];
  for (const [what, rawHeaders, names] of forms)
    it(`takes for one limit what is told twice: ${what}`, () => {
      const account = new Account();
      const advertised = readLimits(200, rawHeaders, () => NOW) as AdvertisedLimits;
      expect(advertised.windows).to.have.length.above(1);
      account.learn(TARGET, advertised, NOW, 0, () => undefined);
      expect(account.names(TARGET)).to.deep.equal(names);
    });

  /** What is left of a limit of `limit` calls to `/tweets`, to which nobody gives a name. */
  const tweets = (account: Account, method: string, limit: number, remaining: number) => {
    const target = { method, url: '/tweets', scope: undefined };
    const rawHeaders = [
      'x-rate-limit-limit',
      `${limit}`,
      'x-rate-limit-remaining',
      `${remaining}`,
      'x-rate-limit-reset',
      '900',
    ];
    const advertised = readLimits(200, rawHeaders, () => NOW) as AdvertisedLimits;
    account.learn(target, advertised, NOW, 0, () => undefined);
    return account.names(target);
  };

  it('keeps the methods of a path apart, where their limits have different sizes', () => {
    const account = new Account();
    expect(tweets(account, 'GET', 900, 899)).to.deep.equal(['/tweets']);
    expect(tweets(account, 'POST', 17, 0)).to.deep.equal(['POST /tweets']);
    expect(tweets(account, 'GET', 900, 898)).to.deep.equal(['GET /tweets']);
  });

  it('takes the methods of a path for one, where they have one limit, whatever its size is later', () => {
    const account = new Account();
    for (const [method, limit] of [
      ['GET', 900],
      ['POST', 900],
      ['POST', 500],
    ] as const)
      expect(tweets(account, method, limit, 100)).to.deep.equal(['/tweets']);
  });

  it('tells other processes that the methods of a path are apart', () => {
    const [here, there] = [new Account(), new Account()];
    tweets(there, 'POST', 17, 3);
    for (const [method, limit] of [
      ['GET', 900],
      ['POST', 17],
    ] as const)
      tweets(here, method, limit, 3);
    there.learnFacts(here.takeFacts() ?? []);
    expect(there.names({ method: 'POST', url: '/tweets', scope: undefined })).to.deep.equal(['POST /tweets']);
  });
});
