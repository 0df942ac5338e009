import { expect } from 'chai';
import { tracing } from '../../../lib/tracing/tracing.js';
import { resolveTracing, type TracingOptions } from '../../../lib/tracing/tracing-options.js';
import { spanRecorder } from './span-recorder.js';

describe('TracingOptions', () => {
  it('have the documented defaults', () => {
    expect(resolveTracing({})).to.deep.equal({ name: 'default', propagate: true });
  });

  it('take an SDK as it is, and undefined for the default', () => {
    const { tracerProvider, propagator } = spanRecorder();
    const resolved = resolveTracing(Object.freeze({ tracerProvider, propagator, name: undefined }));
    expect([resolved.tracerProvider, resolved.propagator, resolved.name]).to.deep.equal([
      tracerProvider,
      propagator,
      'default',
    ]);
  });

  const refused: [keyof TracingOptions, unknown, string][] = [
    ['name', '', 'tracing.name must be at least 1 characters; received ""'],
    [
      'tracerProvider',
      {},
      'tracing.tracerProvider must be a TracerProvider of OpenTelemetry; received an object',
    ],
    ['propagator', 'w3c', 'tracing.propagator must be a propagator of OpenTelemetry; received "w3c"'],
    ['propagate', 'no', 'tracing.propagate must be a boolean; received "no"'],
  ];
  for (const [name, value, message] of refused) {
    it(`refuse ${name}: ${JSON.stringify(value)}`, () => {
      expect(() => tracing({ [name]: value })).to.throw(message);
    });
  }

  it('refuse an unknown name and offer the nearest', () => {
    expect(() => tracing({ propagat: false } as TracingOptions)).to.throw(
      'tracing.propagat is not an option of tracing (did you mean propagate?)',
    );
  });
});
