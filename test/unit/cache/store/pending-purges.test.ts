import { expect } from 'chai';
import { PendingPurges } from '../../../../lib/cache/store/pending-purges.js';

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

/** What a look-up that finds `found` may use of it. */
async function spared(
  purges: PendingPurges,
  key: string,
  found: Promise<string>,
): Promise<string | undefined> {
  const mark = purges.mark();
  const value = await found;
  return purges.overtook(key, mark) ? undefined : value;
}

describe('PendingPurges', () => {
  it('hides what a pending purge removes, and nothing else', async () => {
    const purges = new PendingPurges();
    const purge = pending<number>();
    purges.add(ofKey(KEY), purge.promise);
    expect(await spared(purges, KEY, Promise.resolve('old'))).to.equal(undefined);
    expect(await spared(purges, 'other', Promise.resolve('old'))).to.equal('old');
    purge.resolve(1);
    await purge.promise;
    await Promise.resolve();
    expect(await spared(purges, KEY, Promise.resolve('new'))).to.equal('new');
  });

  it('hides what a look-up found if a purge overtook it', async () => {
    const purges = new PendingPurges();
    const lookUp = pending<string>();
    const late = spared(purges, KEY, lookUp.promise);
    const other = spared(purges, 'other', lookUp.promise);
    const purge = pending<number>();
    purges.add(ofKey(KEY), purge.promise);
    purge.resolve(1);
    await new Promise(setImmediate);
    lookUp.resolve('old');
    expect(await late).to.equal(undefined);
    expect(await other).to.equal('old');
    expect(await spared(purges, KEY, Promise.resolve('new'))).to.equal('new');
  });

  it('hides too much rather than too little when it cannot remember all that ended', async () => {
    const purges = new PendingPurges();
    const mark = purges.mark();
    for (let i = 0; i < 300; i++) purges.add(ofKey('other'), Promise.resolve(1));
    await new Promise(setImmediate);
    expect(purges.overtook(KEY, mark)).to.equal(true);
    expect(purges.overtook(KEY, purges.mark())).to.equal(false);
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
