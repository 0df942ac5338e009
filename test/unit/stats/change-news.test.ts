import { expect } from 'chai';
import { ChangeNews } from '../../../lib/stats/change-news.js';

function listened(revision: () => Promise<string | undefined> = async () => undefined) {
  const news = new ChangeNews(revision);
  const heard = { times: 0 };
  const stop = news.listen(() => heard.times++);
  return { news, heard, stop };
}

describe('ChangeNews', () => {
  it('tells at most once a second, and only what is new', async () => {
    const { news, heard } = listened();
    await news.tell(0);
    expect(heard.times).to.equal(0);
    news.changed();
    await news.tell(500);
    expect(heard.times).to.equal(0);
    await news.tell(1000);
    expect(heard.times).to.equal(1);
    await news.tell(2000);
    expect(heard.times).to.equal(1);
  });

  it('tells what others have changed', async () => {
    let revision = '1';
    const { news, heard } = listened(async () => revision);
    await news.tell(0);
    await news.tell(1000);
    revision = '2';
    const before = heard.times;
    await news.tell(2000);
    expect(heard.times - before).to.equal(1);
  });

  it('asks nothing while nobody listens', async () => {
    let asked = 0;
    const { news, heard, stop } = listened(async () => `${asked++}`);
    stop();
    news.changed();
    await news.tell(0);
    expect([asked, heard.times]).to.deep.equal([0, 0]);
  });

  it('goes on when a listener throws', async () => {
    const news = new ChangeNews(async () => undefined);
    let heard = 0;
    news.listen(() => {
      throw new Error('gone');
    });
    news.listen(() => heard++);
    news.changed();
    await news.tell(0);
    expect(heard).to.equal(1);
  });
});
