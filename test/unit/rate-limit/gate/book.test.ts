import { expect } from 'chai';
import { Events } from '../../../../lib/core/events.js';
import { readLimits } from '../../../../lib/http/advertised-limits.js';
import { type Caller, LimitBook, type Pass } from '../../../../lib/rate-limit/gate/book.js';
import type { RateLimitEvents } from '../../../../lib/rate-limit/rate-limit-events.js';

const NOW = 1_700_000_000_000;

/** What is known of one API, and a clock. */
function knowing(remaining: number, limit = 5000) {
  const clock = { now: NOW };
  const site = { clock: () => clock.now, maxPauseMs: 3_600_000, events: new Events<RateLimitEvents>() };
  const book = new LimitBook('api', 10, site, undefined);
  const caller = (url: string): Caller => ({ method: 'GET', url, scope: undefined, credential: '' });
  const send = (url: string): Pass => {
    const taken = book.take(book.draw(caller(url), undefined));
    if (taken instanceof Promise || 'lane' in taken) throw new Error('It had to wait');
    return taken;
  };
  const read = (url: string, pass: Pass, left: number): void => {
    const headers = ['x-ratelimit-limit', `${limit}`, 'x-ratelimit-remaining', `${left}`];
    headers.push('x-ratelimit-reset', '600', 'x-ratelimit-resource', 'core');
    book.settle(
      pass,
      caller(url),
      undefined,
      200,
      readLimits(200, headers, () => NOW),
    );
  };
  read('/users/1', send('/users/1'), remaining);
  return {
    clock,
    /** Whether the response to a call is counted without being read. */
    isUnread: (url: string, status = 200) => book.settleUnread(send(url), caller(url), status),
    pass: (url: string) => send(url),
    left: () => book.status(() => 0)[0]?.remaining,
    read: (url: string, left: number) => read(url, send(url), left),
  };
}

describe('LimitBook', () => {
  it('counts without reading each response, where there is plenty', () => {
    const api = knowing(4000);
    for (let i = 0; i < 5; i++) expect(api.isUnread(`/users/${i}`)).to.equal(true);
    expect(api.left()).to.equal(3995);
    api.read('/users/1', 3000);
    expect(api.left()).to.equal(3000);
  });

  it('reads again after 20 ms', () => {
    const api = knowing(4000);
    api.clock.now += 19;
    expect(api.isUnread('/users/1')).to.equal(true);
    api.clock.now++;
    expect(api.isUnread('/users/1')).to.equal(false);
    api.read('/users/1', 3990);
    expect(api.isUnread('/users/1')).to.equal(true);
  });

  it('reads each response where little is left, of what fails, and of a path that is new', () => {
    expect(knowing(99, 200).isUnread('/users/1')).to.equal(false);
    expect(knowing(400, 5000).isUnread('/users/1')).to.equal(false);
    expect(knowing(4000).isUnread('/users/1', 403)).to.equal(false);
    expect(knowing(4000).isUnread('/users/1', 429)).to.equal(false);
    expect(knowing(4000).isUnread('/search')).to.equal(false);
  });

  it('reads each response once the window should have ended', () => {
    const api = knowing(4000);
    api.clock.now += 600_000;
    expect(api.isUnread('/users/1')).to.equal(false);
  });

  it('lets all calls of a window through on one pass', () => {
    const api = knowing(4000);
    const first = api.pass('/users/1');
    expect(api.pass('/users/2')).to.equal(first);
    expect(api.left()).to.equal(3998);
    api.clock.now += 600_000;
    const next = api.pass('/users/1');
    expect(next.passages).not.to.deep.equal(first.passages);
    expect(api.pass('/users/1')).to.equal(next);
  });
});
