import { expect } from 'chai';
import { type Channel, LiveFeed } from '../../dashboards/shared/live-feed.js';
import { open } from '../support/client.js';
import { serveApp } from '../support/serve.js';
import { fastTime } from '../support/toy-time.js';
import { until } from '../support/until.js';
import { follow } from './event-stream.js';

const nothingListened = () => () => undefined;

async function feeding(channel: Partial<Channel>, feed = new LiveFeed(10, nothingListened, fastTime(100))) {
  const whole: Channel = {
    name: 'value',
    key: 'k',
    everyMs: 1,
    polled: true,
    read: async () => 1,
    ...channel,
  };
  const { url } = await serveApp((req, res) => void feed.follow(req, res, [whole]));
  return { feed, url };
}

describe('LiveFeed', () => {
  it('skips for a page that does not read, which then gets the newest value', async () => {
    const last = 60;
    let reads = 0;
    const much = 'x'.repeat(2_000_000);
    const { url } = await feeding({ read: async () => [Math.min(last, ++reads), much] });
    const { res } = await open(url);
    res.pause();
    await until(() => reads > last);
    const seen: number[] = [];
    let text = '';
    res.setEncoding('utf8').on('data', (chunk: string) => {
      for (const [, number] of (text + chunk).matchAll(/data: \[(\d+),/g)) {
        if (seen.at(-1) !== Number(number)) seen.push(Number(number));
      }
      // An event's begin may be cut in two.
      text = chunk.slice(-30);
    });
    res.resume();
    await until(() => seen.at(-1) === last, 'the newest value');
    // What the sockets' buffers took, and the newest: not all that was read meanwhile.
    expect(seen).to.have.length.below(12);
  });

  it('sends nothing while the fingerprint stays the same', async () => {
    let reads = 0;
    const { url } = await feeding({ read: async () => ({ now: ++reads }), fingerprint: () => 'same' });
    const stream = await follow(url);
    const before = reads;
    await until(() => reads >= before + 10);
    expect(stream.events).to.have.length(1);
  });

  it('reads on, one reading at a time, where reading takes longer than a tick', async () => {
    let running = 0;
    let most = 0;
    let reads = 0;
    const read = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 35));
      running--;
      return ++reads;
    };
    const { url } = await feeding({ read });
    await (await follow(url)).nth('value', 4);
    expect(most).to.equal(1);
  });

  it('reports that what a page follows no longer exists', async () => {
    let value: string | undefined = 'here';
    const { url } = await feeding({ read: async () => value });
    const stream = await follow(url);
    await stream.nth('value', 1);
    value = undefined;
    expect(await stream.nth('problem', 1)).to.include({ code: 'ERR_NOT_FOUND' });
  });

  it('keeps no timer once the last page has left', async () => {
    let reads = 0;
    const { url } = await feeding({ read: async () => ++reads });
    const stream = await follow(url);
    await stream.nth('value', 2);
    stream.leave();
    await until(() => stream.ended);
    const again = await follow(url);
    const first = (await again.nth('value', 1)) as number;
    expect(first).to.be.above(2);
  });
});
