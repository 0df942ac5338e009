import { expect } from 'chai';
import { freeGate, settleCall, takeCall } from '../../../../lib/rate-limit/gate/gate-state.js';
import { decodeGate, encodeGate } from '../../../../lib/rate-limit/gate/gate-text.js';

const NOW = 1_700_000_000_000;

describe('encodeGate() and decodeGate()', () => {
  it('keep a gate that knows nothing', () => {
    const gate = freeGate(NOW);
    expect(decodeGate(encodeGate(gate))).to.deep.equal(gate);
  });

  it('keep a gate that counts', () => {
    const gate = freeGate(NOW);
    const advertised = {
      limited: false,
      refused: false,
      remaining: 5,
      limit: 9,
      waitMs: 3000,
      windowMs: 60_000,
    };
    settleCall(gate, { window: undefined }, advertised, NOW, 3_600_000);
    takeCall(gate, NOW);
    expect(decodeGate(encodeGate(gate))).to.deep.equal(gate);
  });

  it('keep a gate that probes, and all that it has learned', () => {
    const gate = {
      ...freeGate(NOW),
      phase: 'probing' as const,
      window: 7,
      remaining: 3,
      flight: 2,
      passed: 5,
    };
    Object.assign(gate, {
      limit: 9,
      windowMs: 60_000,
      slackMs: 1000,
      overrun: true,
      growth: 4,
      endsAt: NOW + 5,
    });
    expect(decodeGate(encodeGate(gate))).to.deep.equal(gate);
  });

  const others = ['', '?', '{}', '[]', 'null', '[1,2]', '[1,0,"x",null,0,0,0,null,null,0,null,0,0,1]'];
  others.push('[1,9,0,null,0,0,0,null,null,0,null,0,0,1]', '[2,0,0,null,0,0,0,null,null,0,null,0,0,1]');
  for (const text of others) {
    it(`find no gate in ${JSON.stringify(text)}`, () => {
      expect(decodeGate(text)).to.equal(undefined);
    });
  }
});
