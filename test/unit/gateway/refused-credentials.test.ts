import { expect } from 'chai';
import type { ApiOptions } from '../../../lib/apis/options.js';
import type { Exchange } from '../../../lib/core/exchange.js';
import { RefusedCredentials, refusedText } from '../../../lib/gateway/refused-credentials.js';

interface Sent {
  readonly headers?: readonly string[];
  readonly url?: string;
}

function watching(options: Partial<ApiOptions> = { headers: { 'X-Api-Key': 'k' } }) {
  const lines: string[] = [];
  const clock = { now: 0 };
  const apis = new Map([['x', { target: 'http://127.0.0.1:1', ...options }]]);
  const log = (_facts: object, text: string) => void lines.push(text);
  const watch = new RefusedCredentials(
    { warn: log, info: log } as never,
    (api) => apis.get(api),
    () => clock.now,
  );
  const end = (status: number, times = 1, { headers = [], url = '/a' }: Sent = {}) => {
    const attempts = [{ outcome: { kind: 'response', head: { status, rawHeaders: [] } } }];
    const call = { api: 'x', attempts, req: { rawHeaders: headers, url } };
    for (let i = 0; i < times; i++) watch.ended(call as unknown as Exchange);
  };
  return { watch, lines, clock, apis, end, texts: () => watch.list().map(refusedText) };
}

const refused = (calls: number) =>
  `"x" refuses the credential that its configuration adds (x-api-key): status 401 to ${calls} calls in a row`;

describe('RefusedCredentials', () => {
  it('tells once of three 401 in a row, counts on, and tells when the credential is accepted again', () => {
    const { lines, end, texts } = watching();
    end(401, 2);
    end(200);
    end(401, 2);
    expect([lines, texts()]).to.deep.equal([[], []]);
    end(401, 5);
    expect(lines).to.deep.equal([refused(3)]);
    expect(texts()).to.deep.equal([refused(7)]);
    end(404);
    end(500);
    expect(texts()).to.have.length(1);
    end(200);
    expect(lines).to.deep.equal([refused(3), '"x" accepts the credential again']);
    expect(texts()).to.deep.equal([]);
  });

  it('takes ten 403 in a row, which may be about single paths', () => {
    const { lines, end } = watching();
    end(403, 9);
    expect(lines).to.deep.equal([]);
    end(403);
    expect(lines).to.deep.equal([
      '"x" refuses the credential that its configuration adds (x-api-key), or does not allow it these calls: status 403 to 10 calls in a row',
    ]);
  });

  it('says so where neither the configuration nor the client brings a credential', () => {
    const { lines, end } = watching({});
    end(401, 3);
    expect(lines).to.deep.equal([
      '"x" refuses calls without a credential, and its configuration adds none: status 401 to 3 calls in a row',
    ]);
  });

  for (const [what, sent, options] of [
    ['a header', { headers: ['Authorization', 'Bearer b'] }, {}],
    ['a parameter', { url: '/a?api_key=k' }, {}],
    ['a cookie that is forwarded', { headers: ['Cookie', 'sid=1'] }, { forwardCookies: true }],
  ] as const) {
    it(`leaves a credential to the client that brings it as ${what}`, () => {
      const { lines, end, texts } = watching(options);
      end(401, 20, sent);
      expect([lines, texts()]).to.deep.equal([[], []]);
    });
  }

  for (const [what, headers, options] of [
    ['replaces', ['X-Api-Key', 'mine'], {}],
    ['does not forward', ['Authorization', 'Bearer b'], { forwardHeaders: ['accept'] }],
    ['does not forward', ['Cookie', 'sid=1'], {}],
  ] as const) {
    it(`counts calls whose ${headers[0]} it ${what}`, () => {
      const { lines, end } = watching({ headers: { 'X-Api-Key': 'k' }, ...options } as ApiOptions);
      end(401, 3, { headers });
      expect(lines).to.deep.equal([refused(3)]);
    });
  }

  it('counts anew after a change of the options, and tells that the new credential is accepted', () => {
    const { watch, lines, end, texts } = watching();
    end(401, 3);
    watch.updated(['x']);
    expect(texts()).to.deep.equal([]);
    end(200);
    expect(lines).to.deep.equal([refused(3), '"x" accepts the credential again']);
  });

  it('forgets what was refused ten minutes ago, and APIs that are gone', () => {
    const { clock, apis, end, texts } = watching();
    end(401, 3);
    clock.now += 600_001;
    expect(texts()).to.deep.equal([]);
    end(401, 3);
    expect(texts()).to.have.length(1);
    apis.delete('x');
    expect(texts()).to.deep.equal([]);
  });
});
