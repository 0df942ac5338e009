import { ROOT_CONTEXT } from '@opentelemetry/api';
import { expect } from 'chai';
import { injectedHeaders } from '../../../lib/tracing/injected-headers.js';

/** The headers of a propagator that are sent. */
function headersOf(written: Record<string, string>): string[] | undefined {
  return injectedHeaders((_context, carrier, setter) => {
    for (const [name, value] of Object.entries(written)) setter.set(carrier, name, value);
  }, ROOT_CONTEXT);
}

describe('injectedHeaders()', () => {
  it('returns what the propagator writes, as a flat list', () => {
    expect(headersOf({ b3: '1-2-1', tracestate: 'a=b' })).to.deep.equal(['b3', '1-2-1', 'tracestate', 'a=b']);
  });

  it('returns nothing if it writes nothing', () => {
    expect(headersOf({})).to.equal(undefined);
  });

  it('takes the client’s tracestate away with its traceparent', () => {
    expect(headersOf({ traceparent: '00-1-2-01' })).to.deep.equal([
      'traceparent',
      '00-1-2-01',
      'tracestate',
      '',
    ]);
    const both = ['traceparent', '00-1-2-01', 'tracestate', 'a=b'];
    expect(headersOf({ traceparent: '00-1-2-01', tracestate: 'a=b' })).to.deep.equal(both);
  });

  it('leaves baggage out', () => {
    expect(headersOf({ Baggage: 'user=alice' })).to.equal(undefined);
  });

  it('leaves out what no request can carry', () => {
    expect(headersOf({ 'x\r\ny': '1', 'a b': '1', good: 'line\r\nbreak', odd: '\u2603' })).to.equal(
      undefined,
    );
  });
});
