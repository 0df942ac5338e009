import { expect } from 'chai';
import { API_PLACES } from '../../../lib/apis/places.js';
import { breaker } from '../../../lib/breaker/breaker.js';
import { NAMES_ELSEWHERE } from '../../../lib/core/names-elsewhere.js';
import { type OtherPlaces, unknownName } from '../../../lib/core/unknown-name.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { retry } from '../../../lib/retry/retry.js';
import { forward } from '../../../lib/upstream/forward.js';

const KNOWN = ['target', 'breaker', 'retry', 'requestTimeoutMs', 'on', 'circuit_breaker', 'retry_on_status'];
const PLACES: OtherPlaces = {
  blocks: {
    '': ['target', 'breaker', 'retry', 'requestTimeoutMs', 'on', 'connections'],
    retry: ['maxAttempts', 'retryOnStatus', 'methods'],
    breaker: ['failureThreshold', 'resetTimeoutMs', 'requestTimeoutMs'],
    cache: ['ttlMs', 'maxBytes', 'methods'],
  },
  elsewhere: NAMES_ELSEWHERE,
  codeOnly: ['on'],
};
const api = (key: string) => unknownName(key, { owner: 'apis.a', known: KNOWN, places: PLACES });
const ofRetry = (key: string) =>
  unknownName(key, { owner: 'apis.a.retry', known: PLACES.blocks.retry ?? [], places: PLACES });

describe('unknownName()', () => {
  it('names the owner and the nearest name', () => {
    expect(api('targte')).to.equal('is not an option of apis.a (did you mean target?)');
    expect(api('request_timeout_ms')).to.equal('is not an option of apis.a (did you mean requestTimeoutMs?)');
    expect(unknownName('taget', { owner: '', known: KNOWN })).to.equal(
      'is not an option (did you mean target?)',
    );
    expect(unknownName('opne', { owner: 'forward.on', known: ['open', 'close'], kind: 'event' })).to.equal(
      'is not an event of forward.on (did you mean open?)',
    );
  });

  it('suggests a snake_case name only for another one', () => {
    expect(api('circuitBreaker')).to.equal('is not an option of apis.a (did you mean breaker?)');
    expect(api('circuitBraker')).to.not.include('_');
    expect(api('circuit_braker')).to.equal('is not an option of apis.a (did you mean circuit_breaker?)');
  });

  it('knows names of other libraries, in any spelling', () => {
    for (const key of ['retries', 'maxRetries', 'max_retries', 'MaxRetries']) {
      expect(api(key)).to.equal('is not an option of apis.a (did you mean retry.maxAttempts?)');
      expect(ofRetry(key)).to.equal('is not an option of apis.a.retry (did you mean maxAttempts?)');
    }
    expect(api('limit')).to.include('(did you mean retry.maxAttempts or rateLimit.limit?)');
    expect(ofRetry('limit')).to.include('(did you mean maxAttempts?)');
    expect(ofRetry('volumeThreshold')).to.include('(did you mean breaker.minimumRequests?)');
    expect(api('onProxyReq')).to.include('(did you mean on.proxyReq, which can be set in code only?)');
  });

  it('names the place that an option belongs to', () => {
    expect(api('maxAttempts')).to.include('(did you mean retry.maxAttempts?)');
    expect(api('methods')).to.include('(did you mean retry.methods or cache.methods?)');
    expect(api('failure_threshold')).to.include('(did you mean breaker.failureThreshold?)');
    expect(api('zzkey')).to.not.include('did you mean');
    expect(api('maxAttemps')).to.include('(did you mean retry.maxAttempts?)');
    expect(ofRetry('failureThreshold')).to.include('(did you mean breaker.failureThreshold?)');
    expect(ofRetry('connections')).to.include('(did you mean connections of the API itself?)');
  });

  it('lists a few names, and the nearest three of many with a link to the page', () => {
    expect(unknownName('zzzz', { owner: 'a', known: ['one', 'two'] })).to.equal(
      'is not an option of a (known: one, two)',
    );
    const many = ['alpha', 'beta', 'gamma', 'delta', 'zeta', 'eta', 'theta'];
    expect(unknownName('zqqqqqqq', { owner: 'a', known: many })).to.match(
      /^is not an option of a \(nearest: \w+, \w+, \w+; see docs\/options\.md\)$/,
    );
  });
});

describe('NAMES_ELSEWHERE', () => {
  it('names options that exist', () => {
    const paths = Object.entries(API_PLACES.blocks).flatMap(([block, names]) =>
      names.map((name) => (block === '' ? name : `${block}.${name}`)),
    );
    for (const [name, meant] of Object.entries(NAMES_ELSEWHERE)) {
      for (const path of meant) expect(paths, name).to.include(path.replace(/^on\..+/, 'on'));
    }
  });

  it('gives hints in code, at any level, and for a single middleware', () => {
    const target = 'https://api.example';
    const refusals: [build: () => unknown, message: string][] = [
      [
        () => resilientProxy({ apis: { a: { target, circuitBreaker: {} } as object } }),
        'apis.a.circuitBreaker is not an option of apis.a (did you mean breaker?)',
      ],
      [
        () => resilientProxy({ apis: { a: { target, maxAttempts: 3 } as object } }),
        'apis.a.maxAttempts is not an option of apis.a (did you mean retry.maxAttempts?)',
      ],
      [
        () => resilientProxy({ name: 'a', target, retry: { retries: 3 } as object }),
        'retry.retries is not an option of retry (did you mean maxAttempts?)',
      ],
      [
        () => resilientProxy({ name: 'a', target, retry: { failureThreshold: 3 } as object }),
        'retry.failureThreshold is not an option of retry (did you mean breaker.failureThreshold?)',
      ],
      [
        () => resilientProxy({ apis: {}, retry: {} } as never),
        'retry is not an option (did you mean apis.<name>.retry or defaults.retry?)',
      ],
      [
        () => breaker({ errorThresholdPercentage: 50 } as object),
        'breaker.errorThresholdPercentage is not an option of breaker (did you mean failureRatio?)',
      ],
      [
        () => breaker({ maxTrials: 1 } as object),
        'breaker.maxTrials is not an option of breaker (did you mean maxProbes?)',
      ],
      [
        () => forward({ target, onProxyRes: () => {} } as object),
        'forward.onProxyRes is not an option of forward (did you mean on.proxyRes?)',
      ],
    ];
    for (const [build, message] of refusals) expect(build).to.throw(TypeError, message);
  });

  it('shows no value, which may be a secret in the wrong place', () => {
    expect(() => retry({ token: 's3cret' } as object)).to.throw(TypeError, /^((?!s3cret).)*$/);
  });
});
