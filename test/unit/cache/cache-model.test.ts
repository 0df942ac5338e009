import { expect } from 'chai';
import fc from 'fast-check';
import { cache } from '../../../lib/cache/cache.js';
import { call } from '../../support/client.js';
import { type Served, serve } from '../../support/serve.js';

/** What a request may say. */
interface Request {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly maxAge: number | undefined;
  readonly user: 'a' | 'b' | undefined;
  readonly kind: 'x' | 'y' | undefined;
}

/** What a response may say. */
interface TargetResponse {
  readonly status: number;
  readonly noStore: boolean;
  readonly private: boolean;
  readonly noCache: boolean;
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly maxAge: number | undefined;
  readonly sMaxage: number | undefined;
  readonly expires: number | undefined;
  readonly age: number | undefined;
  readonly cookie: boolean;
  readonly vary: 'kind' | '*' | undefined;
}

interface Case {
  readonly first: Request;
  readonly response: TargetResponse;
  readonly second: Request;
  readonly waitedSeconds: number;
  readonly shared: boolean;
}

const seconds = fc.option(fc.constantFrom(0, 10, 100, 1000), { nil: undefined });
const rarely = fc.integer({ min: 0, max: 15 }).map((n) => n === 0);

const request: fc.Arbitrary<Request> = fc.record({
  noStore: rarely,
  noCache: rarely,
  maxAge: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, seconds),
  user: fc.constantFrom('a', 'b', undefined),
  kind: fc.constantFrom('x', 'y', undefined),
});

const cases: fc.Arbitrary<Case> = fc.record({
  first: request,
  response: fc.record({
    status: fc.constantFrom(200, 200, 200, 200, 203, 404, 500, 302, 299, 206, 304, 429),
    noStore: rarely,
    private: rarely,
    noCache: rarely,
    public: fc.boolean(),
    mustRevalidate: rarely,
    maxAge: seconds,
    sMaxage: seconds,
    expires: seconds,
    age: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, seconds),
    cookie: rarely,
    vary: fc.constantFrom('kind', undefined, undefined, undefined, '*'),
  }),
  second: request,
  waitedSeconds: fc.constantFrom(0, 5, 50, 500),
  shared: fc.boolean(),
});

/**
 * RFC 9111 §3, §4 and §5.2, as plainly as possible: whether the second request may be served from the first response.
 */
function mayReuse({ first, response, second, waitedSeconds, shared }: Case): boolean {
  if (!shared && first.user !== second.user) return false;
  if (first.noStore || second.noStore || second.noCache) return false;
  if ([206, 304, 429].includes(response.status)) return false;
  if (response.noStore || response.private || response.noCache || response.cookie) return false;
  const forAnyone = response.public || response.mustRevalidate || response.sMaxage !== undefined;
  if (first.user && !forAnyone) return false;
  if (response.vary === '*') return false;
  if (response.vary === 'kind' && first.kind !== second.kind) return false;
  const lifetime = response.sMaxage ?? response.maxAge ?? response.expires ?? 0;
  const age = (response.age ?? 0) + waitedSeconds;
  return age < lifetime && (second.maxAge === undefined || age < second.maxAge);
}

function requestHeaders({ noStore, noCache, maxAge, user, kind }: Request): Record<string, string> {
  const control = [noStore && 'no-store', noCache && 'No-Cache', maxAge !== undefined && `max-age=${maxAge}`];
  const value = control.filter(Boolean).join(', ');
  return {
    ...(value && { 'cache-control': value }),
    ...(user && { authorization: `Bearer ${user}` }),
    ...(kind && { kind }),
  };
}

function responseHeaders(response: TargetResponse, now: number): [string, string][] {
  const { noStore, noCache, mustRevalidate, maxAge, sMaxage } = response;
  const control = [
    response.public && 'public',
    noStore && 'no-store',
    response.private && 'Private',
    noCache && 'no-cache',
    mustRevalidate && 'must-revalidate',
    maxAge !== undefined && `max-age=${maxAge}`,
    sMaxage !== undefined && `S-Maxage="${sMaxage}"`,
  ].filter(Boolean);
  const date = (offset: number) => new Date(now + offset * 1000).toUTCString();
  const headers: [string, string][] = [['Date', date(0)]];
  if (control.length > 0) headers.push(['Cache-Control', control.join(', ')]);
  if (response.expires !== undefined) headers.push(['Expires', date(response.expires)]);
  if (response.age !== undefined) headers.push(['Age', String(response.age)]);
  if (response.cookie) headers.push(['Set-Cookie', 'a=1']);
  if (response.vary) headers.push(['Vary', response.vary]);
  return headers;
}

describe('cache() beside a plain model of RFC 9111', () => {
  // A whole second, at which dates in headers are exact.
  const start = Date.UTC(2026, 0, 1);
  let now = start;
  let script: TargetResponse | undefined;
  let calls = 0;
  let path = 0;
  let served: Record<'shared' | 'apart', Served>;

  async function front(sharedAcrossCredentials: boolean): Promise<Served> {
    const handler = cache({ mode: 'standard', sharedAcrossCredentials }, undefined, () => now);
    return serve((req, res, next) =>
      handler(req, res, (error) => {
        if (error || !script) return next(error);
        calls++;
        res
          .writeHead(script.status, responseHeaders(script, now).flat())
          .end(script.status === 304 ? undefined : `${calls}`);
      }),
    );
  }

  it('reuses a response exactly where the rules allow it', async () => {
    served = { shared: await front(true), apart: await front(false) };
    const reused = { yes: 0, no: 0 };
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        now = start;
        script = one.response;
        const before = calls;
        const url = `${served[one.shared ? 'shared' : 'apart'].url}/${path++}`;
        const first = await call(url, { headers: requestHeaders(one.first) });
        now += one.waitedSeconds * 1000;
        const second = await call(url, { headers: requestHeaders(one.second) });
        const expected = mayReuse(one);
        reused[expected ? 'yes' : 'no']++;
        expect(calls - before, 'calls').to.equal(expected ? 1 : 2);
        if (!expected) return;
        expect(second.text).to.equal(first.text);
        expect(second.headers.age).to.equal(String((one.response.age ?? 0) + one.waitedSeconds));
      }),
      { numRuns: 1000 },
    );
    // A model that never allows anything would prove nothing.
    expect(reused.yes).to.be.above(20);
    expect(reused.no).to.be.above(20);
  }).timeout(60_000);
});
