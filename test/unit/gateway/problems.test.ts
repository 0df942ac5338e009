import { expect } from 'chai';
import { type GatewayFacts, problemsOf } from '../../../lib/gateway/problems.js';

type Facts = { -readonly [K in keyof GatewayFacts]?: unknown };

const FINE: Facts = {
  config: { reloads: 1, failedReloads: 3, lastReload: { time: 'T', ok: true, message: null } },
  circuits: [{ circuit: 'x', state: 'CLOSED', lastFailure: 'status 503', timeToResetMs: 0 }],
  egress: { proxies: [{ api: 'x', name: 'p', state: 'ok', reason: undefined }], limits: [] },
  troubles: [{ refused: [], unknown: [] }],
  redis: { state: 'up', message: undefined },
  log: { droppedLines: 3, waitingBytes: 0, problem: null },
  machine: [],
  otlp: [{ signal: 'traces', state: 'ok' }],
};

const problems = (facts: Facts) => problemsOf({ ...FINE, ...facts } as GatewayFacts);

describe('problemsOf()', () => {
  it('knows of none where all is well, whatever was wrong before', () => {
    expect(problems({})).to.deep.equal([]);
    expect(problems({ redis: undefined, log: undefined, otlp: [] })).to.deep.equal([]);
  });

  for (const [what, facts, sentences] of [
    [
      'a circuit that is open',
      { circuits: [{ circuit: 'x', state: 'OPEN', lastFailure: 'status 503', timeToResetMs: 900 }] },
      ['circuit "x" is open (last: status 503): its calls get 503'],
    ],
    [
      'a circuit that was forced open',
      { circuits: [{ circuit: 'x', state: 'OPEN', lastFailure: null, timeToResetMs: null }] },
      ['circuit "x" was forced open: its calls get 503'],
    ],
    [
      'an API without an egress proxy that can be used',
      {
        egress: {
          proxies: [
            { api: 'x', name: 'p', state: 'cooling-down', reason: 'ECONNREFUSED' },
            { api: 'x', name: 'q', state: 'probing', reason: 'ECONNREFUSED' },
            { api: 'y', name: 'p', state: 'cooling-down', reason: 'ECONNREFUSED' },
            { api: 'y', name: 'q', state: 'ok', reason: undefined },
          ],
        },
      },
      ['no egress proxy of "x" can be used: ECONNREFUSED'],
    ],
    [
      'a log whose reader is late',
      { log: { droppedLines: 1, waitingBytes: 9, problem: 'slow reader' } },
      ['what reads the log does not keep up: 1 line was dropped so far'],
    ],
    [
      'a log whose reader has gone',
      { log: { droppedLines: 2, waitingBytes: 0, problem: 'EPIPE' } },
      ['the log cannot be written (EPIPE): 2 lines were dropped so far'],
    ],
    [
      'a collector that takes nothing',
      { otlp: [{ signal: 'traces', state: 'failing', reason: 'ECONNREFUSED', lost: 7 }] },
      ['traces cannot be sent by OTLP (ECONNREFUSED): 7 lost so far'],
    ],
  ] as [string, Facts, string[]][]) {
    it(`tells of ${what}`, () => expect(problems(facts)).to.deep.equal(sentences));
  }

  it('adds up what several processes know of the same', () => {
    const refused = (calls: number) => ({ api: 'x', status: 401, headers: ['authorization'], calls });
    const unknown = (calls: number, lastAt: number, client: string) => ({
      name: 'old',
      calls,
      lastAt,
      client,
      hint: '',
    });
    const troubles = [
      { refused: [refused(3)], unknown: [unknown(1, 9000, '10.0.0.1')] },
      { refused: [refused(4)], unknown: [unknown(5, 1000, '10.0.0.2')] },
    ];
    expect(problems({ troubles })).to.deep.equal([
      '"x" refuses the credential that its configuration adds (authorization): status 401 to 7 calls in a row',
      '"old" is called, and no API has this name; 6 calls, the last at 1970-01-01T00:00:09.000Z from 10.0.0.1',
    ]);
  });

  it('lists no more than twenty of a kind', () => {
    const circuits = Array.from({ length: 500 }, (_, i) => ({
      circuit: `${i}`,
      state: 'OPEN',
      lastFailure: null,
    }));
    const all = problems({ circuits });
    expect(all).to.have.length(21);
    expect(all.at(-1)).to.equal('and 480 more of this kind');
  });
});
