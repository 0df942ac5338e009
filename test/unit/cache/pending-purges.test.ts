import { expect } from 'chai';
import { PendingPurges } from '../../../lib/cache/pending-purges.js';

const KEY = '{rpo:weather}:/a:';

/** A promise that the test settles. */
function pending<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const ofKey = (wanted: string) => (key: string) => key === wanted;

describe('PendingPurges', () => {
  it('hides what a purge under way takes out, and nothing else', async () => {
    const purges = new PendingPurges();
    const purge = pending<number>();
    purges.add(ofKey(KEY), purge.promise);
    expect(await purges.spare(KEY, Promise.resolve('old'))).to.equal(undefined);
    expect(await purges.spare('other', Promise.resolve('old'))).to.equal('old');
    purge.resolve(1);
    await purge.promise;
    await Promise.resolve();
    expect(await purges.spare(KEY, Promise.resolve('new'))).to.equal('new');
  });

  it('hides what a look-up found that a purge overtook', async () => {
    const purges = new PendingPurges();
    const lookUp = pending<string>();
    const spared = purges.spare(KEY, lookUp.promise);
    const other = purges.spare('other', lookUp.promise);
    const purge = pending<number>();
    purges.add(ofKey(KEY), purge.promise);
    purge.resolve(1);
    await new Promise(setImmediate);
    lookUp.resolve('old');
    expect(await spared).to.equal(undefined);
    expect(await other).to.equal('old');
    expect(await purges.spare(KEY, Promise.resolve('new'))).to.equal('new');
  });

  it('holds a write back until the purge is done, though it fails', async () => {
    const purges = new PendingPurges();
    const done: string[] = [];
    purges.add(ofKey(KEY), Promise.reject(new Error('no Redis')));
    purges.after(KEY, () => done.push('behind'));
    purges.after('other', () => done.push('at once'));
    expect(done).to.deep.equal(['at once']);
    await new Promise(setImmediate);
    expect(done).to.deep.equal(['at once', 'behind']);
  });
});
