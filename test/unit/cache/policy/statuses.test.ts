import { expect } from 'chai';
import { parseCacheControl } from '../../../../lib/cache/policy/cache-control.js';
import {
  isHeuristicallyCacheable,
  MAX_HEURISTIC_MS,
  responseFreshness,
} from '../../../../lib/cache/policy/freshness.js';
import { responseDirectives } from '../../../../lib/cache/policy/targeted-cache-control.js';
import { date, NOW, refusal, response, SECOND } from './stored-entry.js';

const ALL = Array.from({ length: 400 }, (_, i) => 200 + i);
const HOUR = 3600 * SECOND;

describe('isHeuristicallyCacheable()', () => {
  it('holds for the statuses of RFC 9110 that are stored, and for all that is public', () => {
    const none = parseCacheControl([]);
    const heuristic = ALL.filter((status) => isHeuristicallyCacheable(status, none));
    expect(heuristic).to.deep.equal([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
    expect(ALL.every((status) => isHeuristicallyCacheable(status, parseCacheControl(['public'])))).to.equal(
      true,
    );
  });

  it('lets just these be stored by their last change alone', () => {
    const stored = ALL.filter(
      (status) => refusal({ 'Last-Modified': date(-1000) }, { status }) === undefined,
    );
    expect(stored).to.deep.equal([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
  });
});

describe('decideStore() by status', () => {
  it('stores all with explicit freshness, but for those bound to their request', () => {
    const never = ALL.filter(
      (status) => refusal({ 'Cache-Control': 'max-age=60' }, { status }) !== undefined,
    );
    expect(never).to.deep.equal([206, 304, 412, 416, 428, 429, 431, 511]);
  });

  it('stores those that it understands, where that is required', () => {
    const control = { 'Cache-Control': 'max-age=60, no-store, must-understand' };
    const understood = ALL.filter((status) => refusal(control, { status }) === undefined);
    expect(understood).to.deep.equal([
      ...[200, 201, 202, 203, 204, 205],
      ...[300, 301, 302, 303, 305, 307, 308],
      ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 413, 414, 415, 417, 421, 422, 426],
      ...[500, 501, 502, 503, 504, 505],
    ]);
  });
});

describe('heuristic freshness', () => {
  const lifetime = (changedMs: number, status = 200): number => {
    const headers = { 'Last-Modified': new Date(NOW - changedMs).toUTCString() };
    const timed = response(headers, { status });
    const defaults = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
    return responseFreshness(timed, responseDirectives(timed.rawHeaders), defaults).freshUntil - NOW;
  };

  it('is a tenth of the time since the last change', () => {
    expect(lifetime(10 * HOUR)).to.equal(HOUR);
    expect(lifetime(0)).to.equal(0);
    expect(lifetime(-HOUR)).to.equal(0);
  });

  it('is a day at most', () => {
    expect(MAX_HEURISTIC_MS).to.equal(24 * HOUR);
    expect(lifetime(239 * HOUR)).to.equal(23.9 * HOUR);
    expect(lifetime(240 * HOUR)).to.equal(24 * HOUR);
    expect(lifetime(10_000 * HOUR)).to.equal(24 * HOUR);
  });

  it('is none for another status', () => {
    expect(lifetime(10 * HOUR, 403)).to.equal(0);
    expect(lifetime(10 * HOUR, 300)).to.equal(HOUR);
  });
});
