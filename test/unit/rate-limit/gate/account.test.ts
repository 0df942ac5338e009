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
});
