import { expect } from 'chai';
import type { CallResult } from '../../../lib/core/ended-call.js';
import type { Exchange } from '../../../lib/core/exchange.js';
import { HangWatch } from '../../../lib/gateway/hang-watch.js';

function watching() {
  const warnings: [object, string][] = [];
  const clock = { now: 1000 };
  const logger = { warn: (facts: object, text: string) => void warnings.push([facts, text]) };
  const watch = new HangWatch(logger as never, () => clock.now);
  const end = (result: CallResult, times: number, api = 'a', attempts = 1): void => {
    const call = { api, attempts: Array(attempts).fill({}), startedAt: clock.now - 400 };
    for (let i = 0; i < times; i++) watch.ended(call as unknown as Exchange, result);
  };
  return { warnings, clock, end };
}

describe('HangWatch', () => {
  it('warns once of an API whose clients leave before its response, with how long they have waited', () => {
    const { warnings, end } = watching();
    end('success', 1);
    end('aborted', 40);
    expect(warnings).to.deep.equal([
      [
        { api: 'a', calls: 6, gaveUp: 5, waitedMs: 400 },
        '"a" does not respond in time: 5 of 6 clients left before its response, after 400 ms on average',
      ],
    ]);
  });

  it('warns again after a minute', () => {
    const { warnings, clock, end } = watching();
    end('aborted', 5);
    clock.now += 59_000;
    end('aborted', 5);
    expect(warnings).to.have.length(1);
    clock.now += 2000;
    end('aborted', 5);
    expect(warnings).to.have.length(2);
  });

  it('is quiet where most clients are served, few have left, or nothing was sent', () => {
    const { warnings, clock, end } = watching();
    end('success', 20);
    end('aborted', 19);
    clock.now += 10_000;
    end('aborted', 4, 'b');
    end('aborted', 50, 'c', 0);
    expect(warnings).to.deep.equal([]);
  });

  it('looks at each API by itself', () => {
    const { warnings, end } = watching();
    end('success', 100, 'b');
    end('aborted', 5, 'a');
    expect(warnings.map(([, text]) => text.slice(0, 3))).to.deep.equal(['"a"']);
  });
});
