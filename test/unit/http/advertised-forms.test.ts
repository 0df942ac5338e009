import { expect } from 'chai';
import { LIMIT_HEADERS, readLimits } from '../../../lib/http/advertised-limits.js';

const NOW = Date.UTC(2027, 0, 1, 12, 0, 0);
const SECOND = NOW / 1000;

const read = (rawHeaders: string[], status = 200) => readLimits(status, rawHeaders, () => NOW);

/** Remaining, limit, wait and window of structured headers. */
function structured(limit: string, policy?: string) {
  const found = read(['RateLimit', limit, ...(policy === undefined ? [] : ['RateLimit-Policy', policy])]);
  return found && [found.remaining, found.limit, found.waitMs, found.windowMs];
}

/** The wait that a reset means. */
const waitOf = (reset: string, date?: string) =>
  read(['X-RateLimit-Remaining', '1', 'X-RateLimit-Reset', reset, ...(date ? ['Date', date] : [])])?.waitMs;

describe('LIMIT_HEADERS', () => {
  it('are those that advertise a limit', () => {
    expect(LIMIT_HEADERS).to.have.members([
      ...['ratelimit', 'ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
      ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
      ...['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset'],
    ]);
  });
});

describe('readLimits() and structured headers', () => {
  it('takes several lines for one list', () => {
    const found = read([
      ...['RateLimit', '"day";r=9;t=60', 'RateLimit-Policy', '"day";q=10;w=70'],
      ...['RateLimit', '"second";r=1;t=1', 'ratelimit-policy', '"second";q=2;w=3'],
    ]);
    expect(found).to.include({ remaining: 1, limit: 2, waitMs: 1000, windowMs: 3000 });
  });

  it('looks at 2000 characters of them at most, of one line or of several', () => {
    const many = '"a";r=9,'.repeat(250);
    expect(many).to.have.length(2000);
    expect(read(['RateLimit', `${many}"b";r=1`])).to.include({ remaining: 9 });
    expect(read(['RateLimit', many.slice(0, -1), 'RateLimit', '"b";r=1'])).to.include({ remaining: 9 });
    expect(read(['RateLimit', many.slice(0, -9), 'RateLimit', '"b";r=1'])).to.include({ remaining: 1 });
    expect(read(['RateLimit', many.slice(0, -9), 'RateLimit', '"bb";r=1'])).to.include({ remaining: 9 });
  });

  it('takes the first of equals, and the one that resets last where they are used up alike', () => {
    expect(structured('"a";r=1;t=5, "b";r=1;t=5', '"a";q=1, "b";q=2')).to.deep.equal([1, 1, 5000, undefined]);
    expect(structured('"a";r=1;t=5, "b";r=1;t=6', '"a";q=1, "b";q=2')).to.deep.equal([1, 2, 6000, undefined]);
    expect(structured('"a";r=1;t=6, "b";r=1;t=5', '"a";q=1, "b";q=2')).to.deep.equal([1, 1, 6000, undefined]);
    expect(structured('"a";r=1, "b";r=1;t=5', '"a";q=1, "b";q=2')).to.deep.equal([1, 2, 5000, undefined]);
    expect(structured('"a";r=1;t=5, "b";r=1', '"a";q=1, "b";q=2')).to.deep.equal([1, 1, 5000, undefined]);
    expect(structured('"a";r=1;t=5, "b";r=2;t=9', '"a";q=1, "b";q=2')).to.deep.equal([1, 1, 5000, undefined]);
  });

  it('leaves items without a rest to themselves', () => {
    expect(structured('"a";t=5, "b";r=2;t=9')).to.deep.equal([2, undefined, 9000, undefined]);
    expect(structured('"a";t=5')).to.equal(undefined);
  });

  it('needs no policy, and takes the first where none has the name', () => {
    expect(structured('"a";r=1;t=5')).to.deep.equal([1, undefined, 5000, undefined]);
    expect(structured('"a";r=1', '"b";q=7;w=8, "c";q=9')).to.deep.equal([1, 7, undefined, 8000]);
    expect(structured('limit=9, remaining=1, reset=5')).to.deep.equal([1, 9, 5000, undefined]);
  });

  it('reads up to the first item that cannot be read', () => {
    expect(structured('"a";r=5, "b;r=1')).to.deep.equal([5, undefined, undefined, undefined]);
    expect(structured('"a";r=5,')).to.deep.equal([5, undefined, undefined, undefined]);
    expect(structured('"a";r=5 "b";r=1')).to.equal(undefined);
  });

  it('takes a bare number of a policy for its quota, and no other name', () => {
    for (const [name, quota] of [
      ['10', 10],
      ['1a', undefined],
      ['a1', undefined],
      ['a', undefined],
    ] as const) {
      expect(structured('"x";r=1', `${name};w=5`)).to.deep.equal([1, quota, undefined, 5000]);
    }
  });

  it('reads parameters without a value, or with one that holds what ends one', () => {
    expect(structured('"a";r;t=5')).to.equal(undefined);
    expect(structured('"a";b;r=1;t=5')).to.deep.equal([1, undefined, 5000, undefined]);
    expect(structured('"a";p="x;r=9;\\"y";r=1')).to.deep.equal([1, undefined, undefined, undefined]);
    expect(structured('"a";p="xy";r=1')).to.deep.equal([1, undefined, undefined, undefined]);
    expect(structured('"a" ; r=1 ; t=5 , "b";r=2')).to.deep.equal([1, undefined, 5000, undefined]);
  });
});

describe('readLimits() and three headers', () => {
  it('takes the first of each, and the three before those with an X', () => {
    const found = read([
      ...['X-RateLimit-Limit', '9', 'X-RateLimit-Remaining', '8', 'X-RateLimit-Reset', '7'],
      ...['RateLimit-Limit', '6', 'RateLimit-Remaining', '5', 'RateLimit-Reset', '4', 'RateLimit-Limit', '1'],
    ]);
    expect(found).to.include({ limit: 6, remaining: 5, waitMs: 4000 });
  });

  it('reads a policy behind a limit, by comma or semicolon', () => {
    const policyOf = (limit: string) => {
      const found = read(['RateLimit-Limit', limit]);
      return found && [found.limit, found.windowMs];
    };
    expect(policyOf('10, 10;w=1')).to.deep.equal([10, 1000]);
    expect(policyOf('10;w=2')).to.deep.equal([10, 2000]);
    expect(policyOf('10')).to.deep.equal([10, undefined]);
  });

  it('says something by a limit or a rest alone, but not by a reset', () => {
    expect(read(['RateLimit-Limit', '5'])).to.include({ limit: 5, remaining: undefined });
    expect(read(['RateLimit-Remaining', '5'])).to.include({ limit: undefined, remaining: 5 });
    expect(read(['RateLimit-Reset', '5'])).to.equal(undefined);
  });

  it('reads a name without a value for nothing, as any other', () => {
    expect(read(['Date', 'now', 'RateLimit-Remaining'])).to.equal(undefined);
    expect(read(['X-Other', '1', 'Retry-After', '1', 'Referer', 'x'])).to.equal(undefined);
    expect(read(['RateLimit-Remaining', '5', 'Link', 'x'])).to.include({ remaining: 5 });
  });

  it('reads numbers of fifteen digits at most, with blanks around them', () => {
    const remaining = (text: string) => read(['RateLimit-Remaining', text])?.remaining;
    expect(remaining(' 5\t')).to.equal(5);
    expect(remaining('9'.repeat(15))).to.equal(999_999_999_999_999);
    expect(remaining('9'.repeat(16))).to.equal(undefined);
    for (const text of ['', ' ', '5 5', '/', ':', '5.', '٥'])
      expect(remaining(text), text).to.equal(undefined);
  });
});

describe('readLimits() and a reset', () => {
  const IN_SECONDS: [text: string, waitMs: number | undefined][] = [
    ['0.5', 500],
    [' 12.25 ', 12_250],
    ['1.123456789', 1123.456789],
    // As Python and JavaScript write a float.
    ['11.382867097854614', 11_382.867097854614],
    ['1.50000000000000000000', 1500],
    ['1.500000000000000000000', undefined],
    ['.5', undefined],
    ['1.', undefined],
    ['x1.5', undefined],
    ['1.5x', undefined],
    ['1x5', undefined],
    ['999999999', 999_999_999_000],
  ];
  for (const [text, waitMs] of IN_SECONDS) {
    it(`is ${waitMs} ms for "${text}"`, () => {
      expect(waitOf(text)).to.equal(waitMs);
    });
  }

  it('is an instant from a billion seconds on, which has passed', () => {
    expect(waitOf('1000000000')).to.equal(0);
    expect(waitOf(`${SECOND + 10}.5`)).to.equal(10_502);
  });

  it('is an instant in milliseconds from a hundred billion on', () => {
    expect(waitOf('99999999999')).to.equal(99_999_999_999_000 - NOW + 2);
    expect(waitOf('100000000000')).to.equal(0);
    expect(waitOf(`${NOW + 10}`)).to.equal(12);
  });

  it('may be a date, with blanks around it', () => {
    expect(waitOf(` ${new Date(NOW + 5000).toUTCString()} `)).to.equal(5002);
    expect(waitOf('tomorrow')).to.equal(undefined);
  });

  const dateAt = (ms: number) => new Date(ms).toUTCString();
  it('is by the clock of its sender, where that is two seconds off or more', () => {
    for (const [offMs, waitMs] of [
      [1000, 10_002],
      [-1000, 10_002],
      [2000, 8002],
      [-2000, 12_002],
      [0, 10_002],
    ] as const) {
      expect(waitOf(`${SECOND + 10}`, dateAt(NOW + offMs)), `${offMs}`).to.equal(waitMs);
    }
    expect(waitOf(`${SECOND + 10}`, 'some day')).to.equal(10_002);
  });

  it('goes by the first date', () => {
    const headers = ['Date', dateAt(NOW + 5000), 'Date', dateAt(NOW), 'RateLimit-Remaining', '1'];
    expect(read([...headers, 'X-RateLimit-Reset', `${SECOND + 10}`])?.waitMs).to.equal(5002);
  });
});

describe('readLimits() and a refusal', () => {
  const refusal = (...rawHeaders: string[]) => read(rawHeaders, 429)?.waitMs;
  const reset = (seconds: number) => ['RateLimit-Reset', `${seconds}`];

  it('waits for the longer of Retry-After and a window that is used up', () => {
    expect(refusal('Retry-After', '5', 'RateLimit-Remaining', '0', ...reset(6))).to.equal(6000);
    expect(refusal('Retry-After', '5', 'RateLimit-Remaining', '0', ...reset(4))).to.equal(5000);
    expect(refusal('Retry-After', '5', 'RateLimit-Remaining', '0')).to.equal(5000);
    expect(refusal('Retry-After', '5', 'RateLimit-Remaining', '1', ...reset(6))).to.equal(5000);
  });

  it('takes a window without a rest for one that is used up', () => {
    expect(refusal(...reset(6))).to.equal(6000);
    expect(refusal('Retry-After', '5', ...reset(6))).to.equal(6000);
  });
});
