import { expect } from 'chai';
import { ChangeNews } from '../../../lib/stats/change-news.js';

function listened(revision: () => Promise<string | undefined> = async () => undefined) {
  const news = new ChangeNews(revision);
  const heard = { times: 0 };
  const stop = news.listen(() => heard.times++);
  return { news, heard, stop };
}

describe('ChangeNews', () => {
  it('notifies at most once a second, and only of changes', async () => {
    const { news, heard } = listened();
    await news.notify(0);
    expect(heard.times).to.equal(0);
    news.changed();
    await news.notify(500);
    expect(heard.times).to.equal(0);
    await news.notify(1000);
    expect(heard.times).to.equal(1);
    await news.notify(2000);
    expect(heard.times).to.equal(1);
  });

  it('notifies of changes by others', async () => {
    let revision = '1';
    const { news, heard } = listened(async () => revision);
    await news.notify(0);
    await news.notify(1000);
    revision = '2';
    const before = heard.times;
    await news.notify(2000);
    expect(heard.times - before).to.equal(1);
  });

  it('reads no revision while nobody listens', async () => {
    let reads = 0;
    const { news, heard, stop } = listened(async () => `${reads++}`);
    stop();
    news.changed();
    await news.notify(0);
    expect([reads, heard.times]).to.deep.equal([0, 0]);
  });

  it('goes on when a listener throws', async () => {
    const news = new ChangeNews(async () => undefined);
    let heard = 0;
    news.listen(() => {
      throw new Error('gone');
    });
    news.listen(() => heard++);
    news.changed();
    await news.notify(0);
    expect(heard).to.equal(1);
  });
});
