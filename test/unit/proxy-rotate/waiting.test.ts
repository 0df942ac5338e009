import { expect } from 'chai';
import { Waiting } from '../../../lib/proxy-rotate/waiting.js';
import { fakeTimers } from '../../support/fake-timers.js';

const flush = () => new Promise((resolve) => setImmediate(resolve));

describe('Waiting', () => {
  it('wakes all that wait, and frees their timer', async () => {
    const timers = fakeTimers();
    const waiting = new Waiting();
    const woken: string[] = [];
    for (const name of ['a', 'b']) void waiting.until(500).then(() => woken.push(name));
    expect([...timers.waiting.values()].map(({ ms }) => ms)).to.deep.equal([500]);
    await flush();
    expect(woken).to.deep.equal([]);
    waiting.wake();
    waiting.wake();
    await flush();
    expect(woken).to.deep.equal(['a', 'b']);
    expect(timers.waiting.size).to.equal(0);
  });

  it('wakes them when the time of the first is up, and times the next anew', async () => {
    const timers = fakeTimers();
    const waiting = new Waiting();
    const woken: string[] = [];
    void waiting.until(500).then(() => woken.push('a'));
    void waiting.until(100).then(() => woken.push('b'));
    timers.runNext();
    await flush();
    expect(woken).to.deep.equal(['a', 'b']);
    void waiting.until(-5);
    expect([...timers.waiting.values()].map(({ ms }) => ms)).to.deep.equal([1]);
  });

  it('has nothing to wake where nobody waits', () => {
    const timers = fakeTimers();
    new Waiting().wake();
    expect(timers.waiting.size).to.equal(0);
  });
});
