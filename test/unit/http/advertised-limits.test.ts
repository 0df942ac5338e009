import { expect } from 'chai';
import { type AdvertisedLimits, readLimits } from '../../../lib/http/advertised-limits.js';

const NOW = Date.UTC(2027, 0, 1, 12, 0, 0);

function read(status: number, headers: Record<string, string>): AdvertisedLimits | undefined {
  return readLimits(status, Object.entries(headers).flat(), () => NOW);
}

function window(status: number, headers: Record<string, string>) {
  const limits = read(status, headers);
  return limits && [limits.remaining, limits.limit, limits.waitMs, limits.windowMs];
}

const ADVERTISED: [what: string, headers: Record<string, string>, window: (number | undefined)[]][] = [
  [
    'three headers with seconds',
    { 'RateLimit-Limit': '100', 'RateLimit-Remaining': '7', 'RateLimit-Reset': '12' },
    [7, 100, 12_000, undefined],
  ],
  [
    'three headers beside a policy',
    {
      'RateLimit-Policy': '100;w=60',
      'RateLimit-Limit': '100',
      'RateLimit-Remaining': '7',
      'RateLimit-Reset': '12',
    },
    [7, 100, 12_000, 60_000],
  ],
  [
    'a limit with its policy in one header',
    { 'RateLimit-Limit': '100, 100;w=60', 'RateLimit-Remaining': '7', 'RateLimit-Reset': '12' },
    [7, 100, 12_000, 60_000],
  ],
  [
    'structured headers',
    { RateLimit: '"api";r=7;t=12', 'RateLimit-Policy': '"api";q=100;w=60' },
    [7, 100, 12_000, 60_000],
  ],
  [
    'structured headers with other parameters',
    {
      RateLimit: '"a,;\\"pi";r=7;pk=:cHJv/+=:;t=12',
      'RateLimit-Policy': '"a,;\\"pi";qu="requests";q=100;w=60',
    },
    [7, 100, 12_000, 60_000],
  ],
  [
    'the policy with the fewest calls left',
    {
      RateLimit: '"day";r=900;t=3600, "second";r=2;t=1',
      'RateLimit-Policy': '"day";q=1000;w=86400,"second";q=5;w=1',
    },
    [2, 5, 1000, 1000],
  ],
  [
    'the policy that stays used up for longest',
    {
      RateLimit: '"second";r=0;t=1, "day";r=0;t=3600',
      'RateLimit-Policy': '"second";q=5;w=1, "day";q=1000;w=86400',
    },
    [0, 1000, 3_600_000, 86_400_000],
  ],
  [
    'the tightest of two families',
    {
      RateLimit: '"second";r=5;t=1',
      'X-RateLimit-Limit': '1000',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': '3600',
    },
    [0, 1000, 3_600_000, undefined],
  ],
  [
    'the policy of several that has the quota which is told of',
    {
      'RateLimit-Limit': '100, 10;w=1, 100;w=60',
      'RateLimit-Remaining': '7',
      'RateLimit-Reset': '12',
    },
    [7, 100, 12_000, 60_000],
  ],
  [
    'the dictionary of an earlier draft',
    { RateLimit: 'limit=100, remaining=7, reset=12', 'RateLimit-Policy': '100;w=60' },
    [7, 100, 12_000, 60_000],
  ],
  [
    'X- headers with an instant in seconds',
    { 'X-RateLimit-Limit': '60', 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': `${NOW / 1000 + 30}` },
    [1, 60, 30_002, undefined],
  ],
  [
    'X- headers with an instant in milliseconds',
    { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': `${NOW + 1500}` },
    [1, 60, 1502, undefined],
  ],
  [
    'X- headers with a delta',
    { 'X-RateLimit-Limit': '60', 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': '30' },
    [1, 60, 30_000, undefined],
  ],
  [
    'X- headers with one more hyphen',
    {
      'x-rate-limit-limit': '900',
      'x-rate-limit-remaining': '0',
      'x-rate-limit-reset': `${NOW / 1000 + 900}`,
    },
    [0, 900, 900_002, undefined],
  ],
  [
    'an instant that has passed',
    { 'X-RateLimit-Limit': '60', 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': `${NOW / 1000 - 5}` },
    [1, 60, 0, undefined],
  ],
  [
    'an instant by a clock that is an hour ahead',
    {
      Date: new Date(NOW + 3_600_000).toUTCString(),
      'X-RateLimit-Limit': '60',
      'X-RateLimit-Remaining': '1',
      'X-RateLimit-Reset': `${NOW / 1000 + 3630}`,
    },
    [1, 60, 30_002, undefined],
  ],
];

describe('readLimits()', () => {
  for (const [what, headers, expected] of ADVERTISED) {
    it(`reads ${what}`, () => {
      expect(window(200, headers)).to.deep.equal(expected);
      expect(read(200, headers)).to.include({ limited: false, refused: false });
    });
  }

  it('finds nothing in a response without such headers', () => {
    expect(
      read(200, { 'content-type': 'text/plain', 'x-request-id': '1', date: 'now', etag: '"r=1"' }),
    ).to.equal(undefined);
  });

  it('counts a 429 without any header as a refusal', () => {
    expect(read(429, {})).to.include({ limited: true, refused: true, waitMs: undefined });
    expect(read(429, { 'x-ratelimit-limit': '5' })).to.include({
      limited: true,
      waitMs: undefined,
      limit: 5,
    });
  });

  const REFUSALS: [status: number, headers: Record<string, string>, waitMs: number | undefined][] = [
    [429, { 'Retry-After': '7' }, 7000],
    [503, { 'Retry-After': '7' }, 7000],
    [429, { 'Retry-After': '1.5' }, 1500],
    [429, { 'Retry-After': new Date(NOW + 9000).toUTCString() }, 9002],
    [429, { 'Retry-After': new Date(NOW - 9000).toUTCString() }, 0],
    [429, { 'Retry-After': 'Fri, 31 Dec 9999 23:59:59 GMT' }, Date.UTC(9999, 11, 31, 23, 59, 59) - NOW + 2],
    [429, { 'RateLimit-Remaining': '0', 'RateLimit-Reset': '30' }, 30_000],
    [429, { 'Retry-After': '1', 'RateLimit-Remaining': '0', 'RateLimit-Reset': '30' }, 30_000],
    [429, { 'Retry-After': '60', 'X-RateLimit-Remaining': '4000', 'X-RateLimit-Reset': '1800' }, 60_000],
    [429, { 'X-RateLimit-Remaining': '4000', 'X-RateLimit-Reset': '1800' }, undefined],
    [429, { 'Retry-After': 'banana' }, undefined],
    [429, { 'Retry-After': '-5' }, undefined],
    [429, { 'Retry-After': '' }, undefined],
    [429, { 'Retry-After': '1e9' }, undefined],
    [429, { 'Retry-After': '2027-01-01T12:00:09Z' }, undefined],
  ];
  for (const [status, headers, waitMs] of REFUSALS) {
    it(`waits ${waitMs} ms after ${status} with ${JSON.stringify(headers)}`, () => {
      expect(read(status, headers)).to.include({ limited: status === 429, refused: true, waitMs });
    });
  }

  it('waits for the longest of all policies that are used up', () => {
    const headers = { RateLimit: '"day";r=0;t=3600, "second";r=0;t=1', 'Retry-After': '1' };
    expect(read(429, headers)).to.include({ waitMs: 3_600_000, remaining: 0 });
    const two = { RateLimit: '"second";r=9;t=1', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '60' };
    expect(read(429, two)).to.include({ waitMs: 60_000, remaining: 0 });
  });

  it('ignores a 503 that gives no time, and Retry-After with another status', () => {
    expect(read(503, {})).to.equal(undefined);
    expect(read(503, { 'retry-after': 'soon' })).to.equal(undefined);
    expect(read(301, { 'retry-after': '7' })).to.equal(undefined);
  });

  const GARBAGE: Record<string, string>[] = [
    { 'RateLimit-Remaining': '-1', 'RateLimit-Reset': '5' },
    { 'RateLimit-Remaining': 'many', 'RateLimit-Limit': 'NaN' },
    { 'RateLimit-Remaining': '1e3' },
    { RateLimit: '' },
    { RateLimit: '"unclosed;r=0;t=5' },
    { RateLimit: '"api";r=-1;t=5' },
    { RateLimit: ';;;;r=0' },
    { RateLimit: `${' '.repeat(10_000)}x` },
    { RateLimit: `"${'\\'.repeat(10_001)}` },
    { RateLimit: 'a;'.repeat(5000) },
    { 'X-RateLimit-Reset': '99999999999999999999' },
  ];
  for (const headers of GARBAGE) {
    it(`ignores ${JSON.stringify(headers).slice(0, 60)}`, () => {
      const limits = read(200, headers);
      expect(limits?.remaining).to.equal(undefined);
      expect(limits?.waitMs).to.equal(undefined);
    });
  }

  it('reads the first line of a header that comes twice', () => {
    const headers = ['ratelimit-remaining', '3', 'ratelimit-remaining', '9', 'ratelimit-reset', '1'];
    expect(readLimits(200, headers, () => NOW)).to.include({ remaining: 3 });
  });
});
