import { expect } from 'chai';
import * as z from 'zod';
import { InvalidOptionError } from '../../../lib/core/errors.js';
import {
  count,
  durationMs,
  functionOption,
  headerName,
  headerValue,
  joinPath,
  optionsObject,
  resolveOptions,
  sizeBytes,
} from '../../../lib/core/options.js';

const schema = optionsObject({
  waitMs: durationMs.default(5),
  size: sizeBytes.optional(),
  times: count.optional(),
  name: headerName.optional(),
  value: headerValue.optional(),
  call: functionOption<() => void>().optional(),
  text: z.string().min(2).max(3).optional(),
  list: z.array(z.number()).min(1).max(2).optional(),
  ratio: z.number().gt(0).lt(1).optional(),
  on: z.enum(['a', 'b']).optional(),
  map: z.record(z.string(), z.string()).optional(),
  inner: optionsObject({ deep: z.boolean().optional(), apiKey: z.string().optional() }).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  either: z.union([z.boolean(), optionsObject({ yes: z.number() })]).optional(),
  password: z.number().optional(),
});

const resolve = (input: unknown, place = 'place') => resolveOptions(schema, input, place);

describe('resolveOptions()', () => {
  it('fills the defaults in, frozen, and leaves what it was given alone', () => {
    const given = { size: 0 };
    const resolved = resolve(given);
    expect(resolved).to.deep.equal({ waitMs: 5, size: 0 });
    expect(Object.isFrozen(resolved)).to.equal(true);
    expect(given).to.deep.equal({ size: 0 });
  });

  const TAKEN: object[] = [
    { waitMs: 1 },
    { waitMs: 2_147_483_647 },
    { size: Number.MAX_SAFE_INTEGER },
    { times: 1 },
    { times: 1_000_000_000 },
    { name: "!#$%&'*+-.^_`|~09AZaz" },
    { value: '\t ~\u0080ÿ' },
    { value: '' },
    { text: 'ab' },
    { list: [1, 2] },
    { ratio: 0.5 },
    { either: true },
    { either: { yes: 1 } },
  ];
  for (const given of TAKEN) {
    it(`takes ${JSON.stringify(given)}`, () => {
      expect(resolve(given)).to.deep.include(given);
    });
  }

  const REFUSED: [given: unknown, message: string][] = [
    [{ waitMs: 0 }, 'place.waitMs must be at least 1; received 0'],
    [{ waitMs: 2_147_483_648 }, 'place.waitMs must be at most 2147483647; received 2147483648'],
    [{ size: -1 }, 'place.size must be at least 0; received -1'],
    [{ size: 1.5 }, 'place.size must be a whole number; received 1.5'],
    [{ size: 2 ** 53 }, `place.size must be at most ${Number.MAX_SAFE_INTEGER}; received ${2 ** 53}`],
    [{ times: 0 }, 'place.times must be at least 1; received 0'],
    [{ times: 1.5 }, 'place.times must be a whole number; received 1.5'],
    [{ times: 1_000_000_001 }, 'place.times must be at most 1000000000; received 1000000001'],
    [{ name: '' }, 'place.name must be a header name; received ""'],
    [{ name: 'a b' }, 'place.name must be a header name; received "a b"'],
    [{ name: ' a' }, 'place.name must be a header name; received " a"'],
    [{ value: 'a\nb' }, 'place.value must be Latin-1 without control characters, CR or LF; received "a\\nb"'],
    [{ value: '\u0100' }, 'place.value must be Latin-1 without control characters, CR or LF; received "Ā"'],
    [
      { value: '\u007f' },
      'place.value must be Latin-1 without control characters, CR or LF; received "\u007f"',
    ],
    [{ call: 1 }, 'place.call must be a function; received 1'],
    [{ text: 'a' }, 'place.text must be at least 2 characters; received "a"'],
    [{ text: 'abcd' }, 'place.text must be at most 3 characters; received "abcd"'],
    [{ list: [] }, 'place.list must be at least 1 entries; received an array of 0'],
    [{ list: [1, 2, 3] }, 'place.list must be at most 2 entries; received an array of 3'],
    [{ list: [1, 'x'] }, 'place.list[1] must be a number; received "x"'],
    [{ ratio: 0 }, 'place.ratio must be above 0; received 0'],
    [{ ratio: 1 }, 'place.ratio must be below 1; received 1'],
    [{ on: 'c' }, 'place.on must be "a" or "b"; received "c"'],
    [{ map: 1 }, 'place.map must be an object; received 1'],
    [{ map: { a: 1 } }, 'place.map.a must be a string; received 1'],
    [{ inner: 1 }, 'place.inner must be an object; received 1'],
    [{ inner: { deep: 'x' } }, 'place.inner.deep must be a boolean; received "x"'],
    [{ list: 1 }, 'place.list must be an array; received 1'],
    [{ either: { yes: 'x' } }, 'place.either.yes must be a number; received "x"'],
    [{ either: { yes: 1, no: 2 } }, 'place.either.no is not an option of place.either (known: yes)'],
    [{ either: {} }, 'place.either.yes is required and must be a number; received undefined'],
    [1, 'place must be an object; received 1'],
    [undefined, 'place is required and must be an object; received undefined'],
    [null, 'place must be an object; received null'],
    [{ wiatMs: 1 }, 'place.wiatMs is not an option of place (did you mean waitMs?)'],
    [{ inner: { depe: 1 } }, 'place.inner.depe is not an option of place.inner (did you mean deep?)'],
  ];
  for (const [given, message] of REFUSED) {
    it(`refuses ${JSON.stringify(given)}`, () => {
      expect(() => resolve(given))
        .to.throw(InvalidOptionError)
        .with.property('message', message);
    });
  }

  it('names where an option stands', () => {
    expect(() => resolve({ inner: { deep: 1 } }))
      .to.throw()
      .with.property('path', 'place.inner.deep');
    expect(() => resolve({ wiatMs: 1 }))
      .to.throw()
      .with.property('path', 'place.wiatMs');
    expect(() => resolve(1, ''))
      .to.throw('the configuration must be an object; received 1')
      .with.property('path', '');
    expect(() => resolve({ times: 0 }, ''))
      .to.throw('times must be at least 1')
      .with.property('path', 'times');
  });

  const SECRETS: [given: object, message: string][] = [
    [{ headers: { 'x-a': 5 } }, 'place.headers.x-a must be a string; received a number'],
    [{ headers: 'secret' }, 'place.headers must be an object; received a string of 6 characters'],
    [{ headers: [1] }, 'place.headers must be an object; received an array of 1'],
    [{ password: 'abc' }, 'place.password must be a number; received a string of 3 characters'],
    [{ inner: { apiKey: 12_345 } }, 'place.inner.apiKey must be a string; received a number'],
  ];
  for (const [given, message] of SECRETS) {
    it(`shows no secret of ${JSON.stringify(given)}`, () => {
      expect(() => resolve(given))
        .to.throw()
        .with.property('message', message);
    });
  }

  for (const name of [
    'auth',
    'authorization',
    'proxies',
    'proxy',
    'redis',
    'token',
    'secret',
    'cookie',
    'AUTH',
  ]) {
    it(`shows no value of ${name}`, () => {
      const one = optionsObject({ [name]: z.number() });
      expect(() => resolveOptions(one, { [name]: 'hidden' }, 'x')).to.throw(
        'received a string of 6 characters',
      );
      const like = optionsObject({ [`my${name}s`]: z.number() });
      expect(() => resolveOptions(like, { [`my${name}s`]: 'shown' }, 'x')).to.throw('received "shown"');
    });
  }

  it('shows what stands where a value is missing, or below one that is none', () => {
    const required = z.object({ a: z.object({ b: z.string() }) });
    expect(() => resolveOptions(required, { a: {} }, 'x')).to.throw(
      'x.a.b is required and must be a string; received undefined',
    );
    expect(() => resolveOptions(required, { a: { b: undefined } }, 'x')).to.throw('x.a.b is required');
    expect(() => resolveOptions(required, { a: Object.create({ b: 1 }) }, 'x')).to.throw('received');
  });

  it('says of one middleware what it is called in another', () => {
    const retry = optionsObject({ maxAttempts: z.number().optional() });
    expect(() => resolveOptions(retry, { maxRetries: 3 }, 'retry')).to.throw('did you mean maxAttempts?');
    expect(() => resolveOptions(retry, { maxRetries: 3 }, 'apis.a.retry')).to.throw(
      'did you mean maxAttempts?',
    );
    for (const place of ['forward', 'cache', 'rateLimit', 'breaker', 'proxyRotate']) {
      expect(() => resolveOptions(retry, { onProxyReq: 3 }, place)).to.throw('did you mean on.proxyReq?');
    }
    expect(() => resolveOptions(retry, { onProxyReq: 3 }, 'retry.x')).to.throw('known: maxAttempts');
    expect(() => resolveOptions(retry, { onProxyReq: 3 }, 'myretry')).to.throw('known: maxAttempts');
    const places = { blocks: { cache: ['onProxyReq'] } };
    expect(() => resolveOptions(retry, { onProxyReq: 3 }, 'retry', places)).to.throw('cache.onProxyReq');
  });
});

describe('joinPath()', () => {
  it('joins names by dots, and numbers in brackets', () => {
    expect(joinPath(['a', 0, 'b', 1, 2])).to.equal('a[0].b[1][2]');
    expect(joinPath(['a'], 'place')).to.equal('place.a');
    expect(joinPath([3], 'place')).to.equal('place[3]');
    expect(joinPath([], 'place')).to.equal('place');
    expect(joinPath([])).to.equal('');
  });
});
