import { expect } from 'chai';
import { type TestClock, testClock } from '../../../lib/testing/clock.js';

const HOUR = 3_600_000;

describe('testClock()', () => {
  const { setTimeout, setInterval, Date: RealDate } = globalThis;
  const { now } = performance;
  let clock: TestClock;

  beforeEach(() => {
    clock = testClock();
  });
  afterEach(() => clock.restore());

  it('moves Date, Date.now() and performance.now() by the same', async () => {
    const before = [RealDate.now(), Date.now(), Date.parse(new Date().toISOString()), performance.now()];
    await clock.advance(HOUR);
    const after = [RealDate.now(), Date.now(), Date.parse(new Date().toISOString()), performance.now()];

    const moved = after.map((time, i) => Math.round((time - (before[i] ?? 0)) / HOUR));
    expect(moved).to.deep.equal([0, 1, 1, 1]);
    expect(Math.abs(clock.now() - Date.now())).to.be.below(1000);
  });

  it('lets whole milliseconds pass, and no less than it was told', async () => {
    const before = Date.now();
    for (let i = 0; i < 50; i++) await clock.advance(1000);
    expect(Date.now() - before).to.be.within(50_000, 51_000);
    expect(Date.now() % 1).to.equal(0);
  });

  it('leaves given dates as they are, and their class', () => {
    const given = new Date(2020, 1, 2);
    expect(given.getTime()).to.equal(new RealDate(2020, 1, 2).getTime());
    expect(given).to.be.instanceOf(RealDate).and.to.be.instanceOf(Date);
    expect(Date.parse('1970-01-01T00:00:01Z')).to.equal(1000);
    expect(Date()).to.match(/^\w{3} \w{3} \d/);
  });

  it('fires timers in the order in which they are due, each at its own time', async () => {
    const fired: [string, number][] = [];
    const begin = clock.now();
    const fire = (name: string) => fired.push([name, Math.round((clock.now() - begin) / 1000)]);
    globalThis.setTimeout(fire, 30_000, 'late');
    globalThis.setTimeout(fire, 10_000, 'early');
    const every = globalThis.setInterval(fire, 20_000, 'every');
    await clock.advance(45_000);
    globalThis.clearInterval(every);
    await clock.advance(HOUR);

    expect(fired).to.deep.equal([
      ['early', 10],
      ['every', 20],
      ['late', 30],
      ['every', 40],
    ]);
  });

  it('fires those that others start, and awaits what they do at once', async () => {
    const fired: number[] = [];
    const again = async (): Promise<void> => {
      await Promise.resolve();
      fired.push(fired.length);
      if (fired.length < 3) globalThis.setTimeout(again, 1000);
    };
    globalThis.setTimeout(again, 1000);
    await clock.advance(2000);
    expect(fired).to.deep.equal([0, 1]);
    await clock.advance(1000);
    expect(fired).to.deep.equal([0, 1, 2]);
  });

  it('lets time pass as always in between: a timer fires by itself when the rest of its time is over', async () => {
    const fired = new Promise((resolve) => globalThis.setTimeout(resolve, HOUR, 'fired'));
    await clock.advance(HOUR - 5);
    expect(await fired).to.equal('fired');
  });

  it('rejects with what a timer throws, and goes on afterwards', async () => {
    globalThis.setTimeout(() => {
      throw new Error('thrown by a timer');
    }, 1000);
    const before = Date.now();
    expect(String(await clock.advance(2000).catch(String))).to.equal('Error: thrown by a timer');
    expect(Date.now() - before).to.be.within(2000, 3000);
    await clock.advance(1000);
  });

  it('fires no timer that was cleared, whichever way', async () => {
    const fired: string[] = [];
    const set = (name: string) => globalThis.setTimeout(() => fired.push(name), 1000);
    globalThis.clearTimeout(set('clearTimeout'));
    globalThis.clearInterval(set('clearInterval'));
    set('close').close();
    globalThis.clearTimeout(undefined);
    await clock.advance(HOUR);
    expect(fired).to.deep.equal([]);
  });

  it('begins a timer anew by refresh(), also one that has fired', async () => {
    let fired = 0;
    const timer = globalThis.setTimeout(() => fired++, 1000);
    await clock.advance(600);
    timer.refresh();
    await clock.advance(600);
    expect(fired).to.equal(0);
    await clock.advance(400);
    expect(fired).to.equal(1);
    timer.refresh();
    await clock.advance(1000);
    expect(fired).to.equal(2);
  });

  it('has timers that keep the process alive or not, as they are told', () => {
    const timer = globalThis.setTimeout(() => {}, HOUR);
    expect(timer.hasRef()).to.equal(true);
    expect(timer.unref().hasRef()).to.equal(false);
    expect(timer.ref().hasRef()).to.equal(true);
    globalThis.clearTimeout(timer);
    expect(timer.hasRef()).to.equal(false);
  });

  it('clears timers of before', async () => {
    clock.restore();
    let fired = false;
    const timer = setTimeout(() => {
      fired = true;
    }, 5);
    clock = testClock();
    globalThis.clearTimeout(timer);
    await new Promise((resolve) => globalThis.setTimeout(resolve, 20));
    expect(fired).to.equal(false);
  });

  it('rejects what is no length of time', async () => {
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(await clock.advance(ms).catch(String)).to.match(/RangeError: advance\(\) takes milliseconds/);
  });

  it('refuses a second one, and to be moved twice at a time', async () => {
    const first = clock.advance(1000);
    expect(String(await clock.advance(1).catch(String))).to.include('advance() is under way: await it first');
    await first;
    expect(() => testClock()).to.throw('A testClock() is in use: restore() it first');
  });

  it('puts everything back', async () => {
    clock.restore();
    expect(globalThis).to.include({ Date: RealDate, setTimeout, setInterval });
    expect(performance.now).to.equal(now);
    expect(String(await clock.advance(1).catch(String))).to.include('is restored');
    clock.restore();
  });

  it('leaves behind what clears a timer that still runs, once', () => {
    const moved = globalThis.setTimeout(() => {}, HOUR);
    clock.restore();
    const { clearTimeout, clearInterval } = globalThis;
    clearTimeout(moved);
    expect(moved.hasRef()).to.equal(false);
    testClock().restore();
    expect(globalThis).to.include({ clearTimeout, clearInterval });
  });
});
