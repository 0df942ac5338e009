import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { begin, call, headOf, open, responseOf } from '../../support/client.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { until, within } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';
import { NO_ATTEMPT, NONE, startScene } from './figures-scene.js';

for (const transport of TRANSPORTS) {
  describe(`a call that others wait for, over the ${transport} transport, when its client leaves`, () => {
    it('is one attempt, and nobody’s failure', async () => {
      const held: ServerResponse[] = [];
      const upstream = await startUpstream((_req, res) => void held.push(res));
      const {
        url,
        proxy,
        counted,
        metric,
        open: opened,
      } = await startScene({
        target: upstream.url,
        transport,
        cache: { ttlMs: 60_000 },
        breaker: { failureThreshold: 1, failureRatio: false },
      });
      const allOpen = async (calls: number): Promise<void> => {
        while ((await opened())?.calls !== calls) await new Promise(setImmediate);
      };
      const leading = begin(url);
      await until(() => held.length === 1, 'the attempt to arrive');
      const followers = [call(url), call(url)];
      await within(allOpen(3), 'the others to wait');
      leading.destroy();
      await counted(1);
      // Whoever takes the client's end for the target's asks a second time by then.
      await new Promise(setImmediate);
      for (const res of held) res.end('hello');
      expect((await Promise.all(followers)).map(({ text }) => text)).to.deep.equal(['hello', 'hello']);
      const figures = await counted(3);
      expect(figures.outcomes).to.deep.equal({ ...NONE, success: 2, aborted: 1 });
      expect(figures.attemptResults).to.deep.equal({ ...NO_ATTEMPT, success: 1 });
      expect([upstream.requests.length, figures.attempts]).to.deep.equal([1, 1]);
      expect(await metric('attempts_failed_total', 'by')).to.deep.equal({});
      expect(proxy.circuits.list()[0]).to.include({ state: 'CLOSED', failures: 0 });
    });

    it('is cut for its client alone, amid the body as well', async () => {
      const held: ServerResponse[] = [];
      const upstream = await startUpstream((_req, res) => void held.push(res));
      const { url, counted, metric } = await startScene({
        target: upstream.url,
        transport,
        cache: { ttlMs: 60_000 },
      });
      const leading = begin(url);
      await until(() => held.length === 1, 'the attempt to arrive');
      const [res] = held;
      res?.writeHead(200, { 'content-length': 600_000 }).write('x'.repeat(300_000));
      const { res: unread } = await headOf(leading);
      const follower = await open(url);
      unread.destroy();
      await counted(1);
      res?.end('y'.repeat(300_000));
      expect((await responseOf(follower)).body).to.have.length(600_000);
      const figures = await counted(2);
      expect(figures.outcomes).to.deep.equal({ ...NONE, success: 1, aborted: 1 });
      expect(figures.attemptResults).to.deep.equal({ ...NO_ATTEMPT, success: 1 });
      expect(upstream.requests).to.have.length(1);
      expect(await metric('attempts_failed_total', 'by')).to.deep.equal({});
    });
  });
}
