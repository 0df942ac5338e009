import { expect } from 'chai';
import { serverTimingValue } from '../../../lib/explain/server-timing.js';
import { callOf, failed, responded } from './call.js';

describe('serverTimingValue()', () => {
  it('shows the total time up to the headers if nothing else is known', () => {
    expect(serverTimingValue(callOf(), 1012.34)).to.equal('total;dur=12.3');
  });

  it('shows where the time went', () => {
    const call = callOf({
      cache: 'miss',
      passedCacheAt: 1002,
      queuedMs: 8,
      attempts: [
        failed(1, { startedAt: 1010, durationMs: 5 }),
        responded(2, 503, { startedAt: 1035, durationMs: 10, waitedMs: 15 }),
        responded(3, 200, { startedAt: 1145, durationMs: 20 }),
      ],
    });
    expect(serverTimingValue(call, 1166).split(', ')).to.deep.equal([
      'cache;desc="miss";dur=2.0',
      'queue;dur=23.0',
      'attempt-1;desc="connection_terminated";dur=5.0',
      'attempt-2;desc="503";dur=10.0',
      'attempt-3;desc="200";dur=20.0',
      'backoff;dur=105.0',
      'upstream;dur=20.0',
      'total;dur=166.0',
    ]);
  });

  it('takes the time to the first attempt as the cache’s if its end is not known', () => {
    const attempts = [responded(1, 200, { startedAt: 1030, waitedMs: 10, durationMs: 5 })];
    const call = callOf({ cache: 'miss', queuedMs: 15, attempts });
    expect(serverTimingValue(call, 1035)).to.match(/^cache;desc="miss";dur=5\.0, queue;dur=25\.0, /);
    expect(serverTimingValue(callOf({ cache: 'miss' }), 1035)).to.equal('cache;desc="miss", total;dur=35.0');
    expect(serverTimingValue(callOf({ cache: 'hit', passedCacheAt: 1000 }), 1001)).to.equal(
      'cache;desc="hit";dur=1.0, total;dur=1.0',
    );
  });

  it('has no upstream metric when a stored response was served instead', () => {
    const call = callOf({ cache: 'stale', attempts: [responded(1, 503, { durationMs: 5 })] });
    expect(serverTimingValue(call, 1006)).to.not.include('upstream');
  });

  it('lists the last sixteen of many attempts', () => {
    const attempts = Array.from({ length: 40 }, (_, i) => responded(i + 1, 503));
    const names = serverTimingValue(callOf({ attempts }), 1000).match(/attempt-\d+/g);
    expect(names).to.have.length(16);
    expect([names?.[0], names?.at(-1)]).to.deep.equal(['attempt-25', 'attempt-40']);
  });

  it('shows neither an egress proxy nor a text of the upstream', () => {
    const value = serverTimingValue(callOf({ attempts: [failed(1), responded(2, 200)] }), 1000);
    expect(value).to.not.match(/proxy|secret|evil|upstream went/);
  });
});
