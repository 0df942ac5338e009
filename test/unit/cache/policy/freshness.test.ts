import { expect } from 'chai';
import { parseCacheControl } from '../../../../lib/cache/policy/cache-control.js';
import { MAX_HEURISTIC_MS, responseFreshness, usability } from '../../../../lib/cache/policy/freshness.js';
import { responseDirectives } from '../../../../lib/cache/policy/targeted-cache-control.js';
import { date, NOW, response, SECOND } from './stored-entry.js';

const NO_DEFAULTS = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };

function freshness(
  headers: Readonly<Record<string, string>>,
  changes: Parameters<typeof response>[1] = {},
  defaults = NO_DEFAULTS,
) {
  const received = response(headers, changes);
  return responseFreshness(received, responseDirectives(received.rawHeaders), defaults);
}

/** Seconds for which the response is fresh when its head arrives. */
function freshSeconds(...of: Parameters<typeof freshness>): number {
  return (freshness(...of).freshUntil - NOW) / SECOND;
}

describe('freshness lifetime', () => {
  it('is s-maxage, however short or long, before max-age and Expires', () => {
    expect(freshSeconds({ 'Cache-Control': 'max-age=3600, s-maxage=1' })).to.equal(1);
    expect(freshSeconds({ 'Cache-Control': 'max-age=0, s-maxage=3600', Expires: date(-10) })).to.equal(3600);
  });

  it('is max-age before Expires', () => {
    expect(freshSeconds({ 'Cache-Control': 'max-age=3600', Expires: date(-7200) })).to.equal(3600);
    expect(freshSeconds({ 'Cache-Control': 'max-age=0', Expires: date(3600) })).to.equal(0);
    expect(freshSeconds({ 'Cache-Control': 'max-age=3600', Expires: '0' })).to.equal(3600);
  });

  it('is Expires less Date', () => {
    expect(freshSeconds({ Expires: date(30) })).to.equal(30);
    expect(freshSeconds({ Expires: date(20), Date: date(10) })).to.equal(10);
    expect(freshSeconds({ Expires: date(300), Date: date(400) })).to.equal(0);
    expect(freshSeconds({ Expires: date(0) })).to.equal(0);
  });

  it('counts Expires from the time of arrival where Date is wrong or missing', () => {
    expect(freshSeconds({ Expires: date(10), Date: 'foo' })).to.equal(10);
    expect(freshSeconds({}, { rawHeaders: ['Expires', date(10)] })).to.equal(10);
  });

  it('is 0 for an Expires that is no date', () => {
    expect(freshSeconds({ Expires: '0', 'Last-Modified': date(-86_400) })).to.equal(0);
  });

  it('is 0, never heuristic, for a max-age that cannot be read', () => {
    expect(freshSeconds({ 'Cache-Control': 'max-age=3600.5', 'Last-Modified': date(-86_400) })).to.equal(0);
  });

  it('ignores Expires where CDN-Cache-Control counts', () => {
    expect(freshSeconds({ 'CDN-Cache-Control': 'max-age=3600', Expires: date(-10_000) })).to.equal(3600);
    expect(freshSeconds({ 'CDN-Cache-Control': 'public', Expires: date(10_000) })).to.equal(0);
  });

  it('is 0 for no-cache', () => {
    expect(freshSeconds({ 'Cache-Control': 'no-cache, max-age=3600' })).to.equal(0);
  });
});

describe('heuristic freshness', () => {
  for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]) {
    it(`is a tenth of the time since the last change for a ${status}`, () => {
      expect(freshSeconds({ 'Last-Modified': date(-1000) }, { status })).to.equal(100);
    });
  }

  for (const status of [201, 202, 302, 307, 403, 500, 502, 503, 504, 599]) {
    it(`is none for a ${status}, unless it is public`, () => {
      expect(freshSeconds({ 'Last-Modified': date(-1000) }, { status })).to.equal(0);
      expect(freshSeconds({ 'Last-Modified': date(-1000), 'Cache-Control': 'public' }, { status })).to.equal(
        100,
      );
    });
  }

  it('is none without a Last-Modified, with an invalid one, and with one in the future', () => {
    expect(freshSeconds({})).to.equal(0);
    expect(freshSeconds({ 'Last-Modified': 'yesterday' })).to.equal(0);
    expect(freshSeconds({ 'Last-Modified': date(1000) })).to.equal(0);
  });

  it('is a day at most', () => {
    const lastModified = date(-10 * 365 * 86_400);
    expect(freshSeconds({ 'Last-Modified': lastModified })).to.equal(MAX_HEURISTIC_MS / SECOND);
  });
});

describe('age', () => {
  /** Age in milliseconds when the head arrives. */
  function age(...of: Parameters<typeof freshness>): number {
    return NOW - freshness(...of).bornAt;
  }

  it('is the time since Date, in whole seconds', () => {
    expect(age({ Date: date(-10) })).to.equal(10_000);
    expect(age({}, { responseTime: NOW + 999, requestTime: NOW + 999 }) + 999).to.equal(0);
    expect(age({ Date: date(10) })).to.equal(0);
  });

  it('is Age plus the delay of the response, in milliseconds, where that is more', () => {
    expect(age({ Age: '30' }, { requestTime: NOW - 250 })).to.equal(30_250);
    expect(age({ Age: '5', Date: date(-10) })).to.equal(10_000);
    expect(age({}, { requestTime: NOW - 250 })).to.equal(250);
  });

  it('makes a response stale that is older than its lifetime', () => {
    expect(freshSeconds({ 'Cache-Control': 'max-age=3600', Age: '7200' })).to.equal(-3600);
    expect(freshSeconds({ Date: date(-10), Expires: date(10), Age: '25' })).to.equal(-5);
    expect(freshSeconds({ Date: date(10), Expires: date(20), Age: '15' })).to.equal(-5);
  });

  for (const invalid of ['abc', '-7200', '7200.0', '7200;foo=bar', '']) {
    it(`ignores an Age of ${JSON.stringify(invalid)}`, () => {
      expect(age({ Age: invalid })).to.equal(0);
    });
  }

  it('takes the first member of a list', () => {
    expect(age({ Age: '7200, 0' })).to.equal(7_200_000);
    expect(age({ Age: '0, 7200' })).to.equal(0);
  });

  it('takes the first of two lines', () => {
    expect(age({}, { rawHeaders: ['Date', date(0), 'Age', '7200', 'Age', '0'] })).to.equal(7_200_000);
    expect(age({}, { rawHeaders: ['Date', date(0), 'Age', '0', 'Age', '7200'] })).to.equal(0);
  });

  for (const large of ['2147483647', '2147483648', '2147483649']) {
    it(`treats an Age of ${large} as very old`, () => {
      expect(age({ Age: large })).to.be.at.least(2_147_483_647_000);
    });
  }
});

describe('stale windows', () => {
  it('begin where freshness ends', () => {
    const { freshUntil, staleWhileRevalidateUntil, staleIfErrorUntil } = freshness({
      'Cache-Control': 'max-age=1, stale-while-revalidate=4, stale-if-error=60',
    });
    expect(staleWhileRevalidateUntil - freshUntil).to.equal(4 * SECOND);
    expect(staleIfErrorUntil - freshUntil).to.equal(60 * SECOND);
  });

  it('are the defaults only where the response names none', () => {
    const defaults = { staleWhileRevalidateMs: 7000, staleIfErrorMs: 9000 };
    const unnamed = freshness({ 'Cache-Control': 'max-age=1' }, {}, defaults);
    expect(unnamed.staleWhileRevalidateUntil - unnamed.freshUntil).to.equal(7000);
    expect(unnamed.staleIfErrorUntil - unnamed.freshUntil).to.equal(9000);
    const named = freshness({ 'Cache-Control': 'max-age=1, stale-if-error=0' }, {}, defaults);
    expect(named.staleIfErrorUntil).to.equal(named.freshUntil);
  });

  for (const directive of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=2']) {
    it(`are closed by ${directive}`, () => {
      const { freshUntil, staleForbidden, ...windows } = freshness(
        { 'Cache-Control': `max-age=2, stale-while-revalidate=60, stale-if-error=60, ${directive}` },
        {},
        { staleWhileRevalidateMs: 5000, staleIfErrorMs: 5000 },
      );
      expect(staleForbidden).to.equal(true);
      expect(windows.staleWhileRevalidateUntil).to.equal(freshUntil);
      expect(windows.staleIfErrorUntil).to.equal(freshUntil);
    });
  }

  it('leave a response with must-revalidate fresh while it is fresh', () => {
    expect(freshSeconds({ 'Cache-Control': 'max-age=10000, must-revalidate' })).to.equal(10_000);
  });
});

describe('usability()', () => {
  /** Born 10 s ago, fresh for 90 s more, stale while revalidating for 60 s after that. */
  const FRESH = {
    bornAt: NOW - 10 * SECOND,
    freshUntil: NOW + 90 * SECOND,
    staleWhileRevalidateUntil: NOW + 150 * SECOND,
    staleForbidden: false,
    immutable: false,
  };
  /** Became stale 10 s ago. */
  const STALE = {
    ...FRESH,
    bornAt: NOW - 100 * SECOND,
    freshUntil: NOW - 10 * SECOND,
    staleWhileRevalidateUntil: NOW,
  };

  function use(stored: typeof FRESH, cacheControl?: string): string {
    return usability(stored, cacheControl === undefined ? undefined : parseCacheControl([cacheControl]), NOW);
  }

  it('is fresh up to the end of its freshness, then stale for its window, then expired', () => {
    expect(usability(FRESH, undefined, FRESH.freshUntil - 1)).to.equal('fresh');
    expect(usability(FRESH, undefined, FRESH.freshUntil)).to.equal('stale-while-revalidate');
    expect(usability(FRESH, undefined, FRESH.staleWhileRevalidateUntil)).to.equal('expired');
  });

  it('is refused by a request with no-cache', () => {
    expect(use(FRESH, 'no-cache')).to.equal('refused-by-request');
    expect(use({ ...STALE, staleWhileRevalidateUntil: NOW + SECOND }, 'no-cache')).to.equal('expired');
  });

  it('is refused by max-age where it is older, and by max-age=0 always', () => {
    expect(use(FRESH, 'max-age=11')).to.equal('fresh');
    expect(use(FRESH, 'max-age=9')).to.equal('refused-by-request');
    expect(use({ ...FRESH, bornAt: NOW }, 'max-age=0')).to.equal('refused-by-request');
  });

  it('is fresh for a reload where it is immutable, but not for no-cache, and not when stale', () => {
    expect(use({ ...FRESH, immutable: true }, 'max-age=0')).to.equal('fresh');
    expect(use({ ...FRESH, immutable: true }, 'no-cache')).to.equal('refused-by-request');
    expect(use({ ...STALE, immutable: true }, 'max-age=0')).to.equal('expired');
  });

  it('is refused by min-fresh where less is left', () => {
    expect(use(FRESH, 'min-fresh=90')).to.equal('fresh');
    expect(use(FRESH, 'min-fresh=91')).to.equal('refused-by-request');
  });

  it('is usable stale within max-stale', () => {
    expect(use(STALE, 'max-stale=10')).to.equal('stale-allowed');
    expect(use(STALE, 'max-stale')).to.equal('stale-allowed');
    expect(use(STALE, 'max-stale=9')).to.equal('expired');
  });

  it('is usable stale up to max-age and max-stale together', () => {
    expect(use(STALE, 'max-age=91, max-stale=10')).to.equal('stale-allowed');
    expect(use(STALE, 'max-age=50, max-stale=10')).to.equal('expired');
    expect(use(STALE, 'max-age=90, max-stale=10')).to.equal('expired');
    expect(use(STALE, 'min-fresh=1, max-stale=10')).to.equal('expired');
  });

  it('is never usable stale where the response forbids it', () => {
    expect(use({ ...STALE, staleForbidden: true }, 'max-stale')).to.equal('expired');
  });

  it('is not sent stale to a client that names a maximum age or a minimum freshness', () => {
    const inWindow = { ...STALE, staleWhileRevalidateUntil: NOW + SECOND };
    expect(use(inWindow, 'x')).to.equal('stale-while-revalidate');
    expect(use(inWindow, 'max-age=1000')).to.equal('expired');
    expect(use(inWindow, 'min-fresh=1')).to.equal('expired');
  });
});
