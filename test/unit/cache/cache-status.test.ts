import { expect } from 'chai';
import { ageValue, cacheStatusValue } from '../../../lib/cache/cache-status.js';

describe('cacheStatusValue()', () => {
  it('states a hit and how long it is fresh, in whole seconds', () => {
    expect(cacheStatusValue('rpo', { hit: true, ttlMs: 30_999 })).to.equal('rpo; hit; ttl=30');
    expect(cacheStatusValue('rpo', { hit: true, ttlMs: -1 })).to.equal('rpo; hit; ttl=-1');
  });

  it('states why a request was forwarded', () => {
    for (const forward of [
      'miss',
      'stale',
      'uri-miss',
      'vary-miss',
      'method',
      'bypass',
      'request',
      'partial',
    ] as const) {
      expect(cacheStatusValue('rpo', { hit: false, forward })).to.equal(`rpo; fwd=${forward}`);
    }
  });

  it('states the outcome of a forwarded request', () => {
    const status = {
      forward: 'stale',
      forwardStatus: 304,
      stored: true,
      collapsed: true,
      ttlMs: 5000,
    } as const;
    expect(cacheStatusValue('rpo', { hit: false, ...status, detail: 'no-validator' })).to.equal(
      'rpo; fwd=stale; fwd-status=304; ttl=5; stored; collapsed; detail=no-validator',
    );
  });

  it('leaves out what did not happen', () => {
    const status = { hit: false, forward: 'uri-miss', stored: false, collapsed: false } as const;
    expect(cacheStatusValue('rpo', status)).to.equal('rpo; fwd=uri-miss');
  });

  it('writes a detail and a name that are no tokens as strings', () => {
    expect(cacheStatusValue('my cache', { hit: true, ttlMs: 0, detail: 'a "b"\r\n\u00fc' })).to.equal(
      '"my cache"; hit; ttl=0; detail="a \\"b\\"???"',
    );
  });
});

describe('ageValue()', () => {
  it('is whole seconds, never below 0', () => {
    expect(ageValue(1000, 3999)).to.equal('2');
    expect(ageValue(5000, 1000)).to.equal('0');
  });
});
