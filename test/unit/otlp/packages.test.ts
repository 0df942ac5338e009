import { expect } from 'chai';
import { InvalidOptionError } from '../../../lib/core/errors.js';
import { optionalPackages } from '../../../lib/otlp/packages.js';

describe('optionalPackages()', () => {
  it('names in one command all packages that are missing', () => {
    const load = () =>
      optionalPackages('tracing.otlp', ['@opentelemetry/core', '@opentelemetry/no-such-a', 'no-such-b']);
    expect(load).to.throw(
      InvalidOptionError,
      'tracing.otlp needs packages that are not installed: npm install @opentelemetry/no-such-a no-such-b',
    );
  });

  it('returns them in their order', () => {
    const [core, sdk] = optionalPackages('x', ['@opentelemetry/core', '@opentelemetry/sdk-metrics']);
    expect([core, sdk].map((one) => Object.keys(Object(one)))).to.satisfy(
      ([a, b]: string[][]) => a?.includes('W3CTraceContextPropagator') && b?.includes('MeterProvider'),
    );
  });
});
