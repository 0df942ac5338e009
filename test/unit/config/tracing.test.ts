import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';

const APIS = '\napis: { x: { target: "https://api.example.com" } }';
const tracingOf = (block: string) => parseConfig(block + APIS, { env: {} }).config.tracing;

describe('the block tracing of a file', () => {
  it('is passed on as it is said', () => {
    expect(tracingOf('tracing: { otlp: "https://vendor.example/otlp", sampleRatio: 0.01 }')).to.deep.equal({
      otlp: 'https://vendor.example/otlp',
      sampleRatio: 0.01,
    });
    expect(tracingOf('tracing: { otlp: true, propagate: false }')).to.deep.equal({
      otlp: true,
      propagate: false,
    });
    expect(tracingOf('tracing: {}')).to.deep.equal({});
    expect(tracingOf('tracing: false')).to.equal(false);
    expect(tracingOf('')).to.equal(undefined);
  });

  const URL_RULE = 'tracing.otlp must be an http or https URL without a user, as http://collector:4318';
  const refused: [string, string][] = [
    ['otlp: "collector:4318"', URL_RULE],
    ['otlp: "http://user:secret@collector:4318"', URL_RULE],
    ['otlp: 4318', 'tracing.otlp must be an http or https URL, as http://collector:4318, or true'],
    ['otlp: true, sampleRatio: 1.5', 'tracing.sampleRatio must be at most 1'],
    ['otpl: true', 'tracing.otpl is not an option of tracing (did you mean otlp?)'],
  ];
  for (const [block, message] of refused) {
    it(`refuses { ${block} }`, () => {
      expect(() => tracingOf(`tracing: { ${block} }`))
        .to.throw(message)
        .and.not.match(/secret/);
    });
  }
});
