import { expect } from 'chai';
import { cache } from '../../../lib/cache/cache.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { startUpstream, text } from '../../support/upstream.js';

/** As Helmet does, which removes Express' header. */
const setAndTakenAway: Handler = (_req, res, next) => {
  res.setHeader('X-Powered-By', 'Express');
  res.removeHeader('X-Powered-By');
  next();
};

const linesOf = (rawHeaders: readonly string[], name: string): string[] =>
  rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);

describe('repeated headers of a response, when one had been set and removed before', () => {
  const links = ['<a>; rel=next', '<b>; rel=prev'];
  const cookies = ['a=1', 'b=2'];

  for (const transport of ['undici', 'node'] as const) {
    it(`arrive line by line with the ${transport} transport`, async () => {
      const upstream = await startUpstream(text('ok', { 'set-cookie': cookies, link: links }));
      const { url } = await startForward({ target: upstream.url, transport }, setAndTakenAway);
      const { rawHeaders } = await call(url);
      expect(linesOf(rawHeaders, 'set-cookie')).to.deep.equal(cookies);
      expect(linesOf(rawHeaders, 'link')).to.deep.equal(links);
    });
  }

  it('arrive line by line from a cache', async () => {
    const upstream = await startUpstream(text('ok', { link: links }));
    const stage = cache();
    onCleanup(() => stage.close());
    const { url } = await startForward({ target: upstream.url }, setAndTakenAway, stage);
    for (const verdict of ['fwd=uri-miss', 'hit']) {
      const { rawHeaders, headers } = await call(url);
      expect(headers['cache-status']).to.contain(verdict);
      expect(linesOf(rawHeaders, 'link')).to.deep.equal(links);
    }
  });
});
