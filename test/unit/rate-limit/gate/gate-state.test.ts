import { expect } from 'chai';
import type { LimitNews } from '../../../../lib/http/advertised-limits.js';
import { isExhausted, loseCall, returnCall, takeCall } from '../../../../lib/rate-limit/gate/gate-state.js';
import { Toy, tooMany } from './toy-gate.js';

describe('a gate', () => {
  it('lets everything through while nothing is known', () => {
    const toy = new Toy();
    expect(toy.take(1000)).to.have.length(1000);
    toy.call();
    expect(toy.take(1000)).to.have.length(1000);
  });

  it('counts down the remaining calls, including those in flight', () => {
    const toy = new Toy();
    toy.call({ remaining: 3, waitMs: 5000 });
    expect(toy.take(10)).to.have.length(3);
    expect(takeCall(toy.state, toy.now)).to.equal(5000);
  });

  it('lets another call through in place of one that never reached the target', () => {
    const toy = new Toy();
    toy.call({ remaining: 1, waitMs: 5000 });
    const [window] = toy.take();
    expect(toy.take()).to.have.length(0);
    returnCall(toy.state, { window });
    expect(toy.take()).to.have.length(1);
  });

  it('counts a call without a response', () => {
    const toy = new Toy();
    toy.call({ remaining: 2, waitMs: 5000 });
    const [window] = toy.take();
    loseCall(toy.state, { window });
    expect(toy.take(5)).to.have.length(1);
  });

  it('does not raise the remaining calls by a response that was overtaken', () => {
    const toy = new Toy();
    toy.call({ remaining: 10, waitMs: 5000 });
    const [early, late] = toy.take(2);
    toy.settle(late, { remaining: 2, waitMs: 5000 });
    toy.settle(early, { remaining: 9, waitMs: 5000 });
    expect(toy.take(10)).to.have.length(2);
  });

  it('counts a response without rate limit headers as one call', () => {
    const toy = new Toy();
    toy.call({ remaining: 3, waitMs: 5000 });
    toy.call();
    expect(toy.take(10)).to.have.length(2);
  });

  it('is exhausted at zero and available again at the reset', () => {
    const toy = new Toy();
    toy.call({ remaining: 0, waitMs: 5000 });
    expect(isExhausted(toy.state, toy.now)).to.equal(true);
    toy.now += 4999;
    expect(toy.take()).to.have.length(0);
    toy.now += 1;
    expect(toy.take()).to.have.length(1);
  });

  it('keeps the earliest of several values for one reset, which is the least rounded', () => {
    const toy = new Toy();
    toy.call({ remaining: 5, waitMs: 5000 });
    toy.now += 100;
    toy.call({ remaining: 4, waitMs: 5000 });
    toy.now += 500;
    toy.call({ remaining: 0, waitMs: 5000 });
    expect(toy.state.endsAt - toy.now).to.equal(4400);
  });

  it('takes a much later reset for that of a new window', () => {
    const toy = new Toy();
    toy.call({ remaining: 5, waitMs: 2000 });
    toy.now += 1000;
    toy.call({ remaining: 90, waitMs: 10_000 });
    expect(toy.take(200)).to.have.length(90);
  });

  it('stays exhausted for maxPauseMs at most', () => {
    const toy = new Toy(60_000);
    toy.call(tooMany(Date.UTC(9999, 0) - toy.now));
    expect(takeCall(toy.state, toy.now)).to.equal(60_000);
    toy.now += 60_000;
    expect(toy.take()).to.have.length(1);
  });

  it('pauses for a second after a 429 that gives no time', () => {
    const toy = new Toy();
    toy.call(tooMany());
    expect(takeCall(toy.state, toy.now)).to.equal(1000);
  });

  it('pauses until the known reset after a 429 that gives no time', () => {
    const toy = new Toy();
    toy.call({ remaining: 1, waitMs: 30_000 });
    const [one] = toy.take();
    toy.settle(one, { remaining: 0, waitMs: 30_000 });
    toy.settle(undefined, tooMany());
    expect(takeCall(toy.state, toy.now)).to.equal(30_000);
  });

  it('obeys the longer of two refusals', () => {
    const toy = new Toy();
    const [one, other] = toy.take(2);
    toy.settle(one, tooMany(1000));
    toy.settle(other, tooMany(60_000));
    expect(takeCall(toy.state, toy.now)).to.equal(60_000);
  });

  it('pauses after a 503 that gives a time, and learns no limit from it', () => {
    const toy = new Toy();
    for (let i = 0; i < 5; i++) toy.call();
    toy.call({ refused: true, waitMs: 2000 });
    expect(toy.take()).to.have.length(0);
    toy.now += 2000;
    toy.call();
    expect(toy.take(1000)).to.have.length(1000);
  });
});

describe('a gate at a reset', () => {
  function reset(advertised: Partial<LimitNews> = {}): Toy {
    const toy = new Toy();
    toy.call({ remaining: 0, limit: 50, waitMs: 5000, ...advertised });
    toy.now += 5000;
    return toy;
  }

  it('lets one probe find out whether the window is over, and then as many calls as the limit allows', () => {
    const toy = reset();
    const [probe] = toy.take(20);
    expect(toy.take()).to.have.length(0);
    toy.settle(probe, { remaining: 49, limit: 50, waitMs: 5000 });
    expect(toy.take(200)).to.have.length(49);
  });

  it('sends probes for one percent of a large limit', () => {
    expect(reset({ limit: 5000 }).take(200)).to.have.length(50);
  });

  it('lets the remaining calls of the old window go without waiting', () => {
    const toy = new Toy();
    toy.call({ remaining: 30, limit: 50, waitMs: 5000 });
    toy.now += 5000;
    expect(toy.take(200)).to.have.length(30);
  });

  it('starts from the limit if the response of the probe advertises nothing', () => {
    const toy = reset({ windowMs: 5000 });
    toy.call();
    expect(toy.take(200)).to.have.length(49);
    expect(takeCall(toy.state, toy.now)).to.equal(5000);
  });

  it('lets a whole window go after a second without a response, and still learns from it', () => {
    const toy = reset();
    const [slow] = toy.take();
    toy.now += 999;
    expect(toy.take()).to.have.length(0);
    toy.now += 1;
    expect(toy.take(5)).to.have.length(5);
    toy.settle(slow, { remaining: 49, limit: 50, waitMs: 5000 });
    expect(toy.take(200)).to.have.length(44);
  });

  it('lets twice as many go each second without a response, where no limit is known', () => {
    const toy = new Toy();
    toy.call(tooMany(1000));
    toy.now += 1000;
    const sent: number[] = [];
    for (let second = 0; second < 5; second++) {
      sent.push(toy.take(100).length);
      toy.now += 1000;
    }
    expect(sent).to.deep.equal([1, 1, 2, 4, 8]);
  });

  it('does not exhaust the new window by a response of the old one', () => {
    const toy = new Toy();
    toy.call({ remaining: 2, limit: 50, waitMs: 5000 });
    const [old] = toy.take();
    toy.now += 5000;
    toy.call({ remaining: 48, limit: 50, waitMs: 5000 });
    toy.settle(old, { remaining: 0, limit: 50, waitMs: 0 });
    expect(toy.take(200)).to.have.length(48);
  });

  it('waits longer at each reset once one turned out to be early, by as much as it was', () => {
    const toy = reset();
    toy.call(tooMany(300));
    expect(toy.state.slackMs).to.equal(300);
    toy.now = toy.state.endsAt;
    toy.call({ remaining: 0, limit: 50, waitMs: 4000 });
    expect(takeCall(toy.state, toy.now)).to.equal(4300);
  });

  it('waits a second longer where the refusal tells whole seconds, and no more', () => {
    const toy = reset();
    for (let i = 0; i < 3; i++) {
      toy.call(tooMany(1000));
      expect(toy.state.slackMs).to.equal(1000);
      toy.now = toy.state.endsAt;
    }
  });

  it('probes again soon where the reset had passed when its refusal was read, and later each time', () => {
    const toy = reset();
    const waits = Array.from({ length: 8 }, () => {
      toy.call(tooMany(0));
      const waitMs = toy.state.endsAt - toy.now;
      toy.now = toy.state.endsAt;
      return waitMs;
    });
    expect(waits).to.deep.equal([20, 40, 80, 160, 320, 640, 1000, 1000]);
  });
});

describe('a gate without an advertised limit', () => {
  /** Lets calls through until the target refuses them. */
  function window(toy: Toy, limit: number, waitMs: number): { sent: number; refused: number } {
    let sent = 0;
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      for (const taken of toy.take()) {
        sent++;
        if (sent <= limit) toy.settle(taken);
        else refused++;
        if (sent > limit) toy.settle(taken, tooMany(waitMs));
      }
    }
    return { sent: sent - refused, refused };
  }

  it('takes the calls that passed before the first 429 for the limit of the next window', () => {
    const toy = new Toy();
    expect(window(toy, 40, 5000)).to.deep.equal({ sent: 40, refused: 1 });
    toy.now += 5000;
    expect(window(toy, 40, 5000)).to.deep.equal({ sent: 40, refused: 0 });
  });

  it('tries a few more calls after each window without a 429, and is refused once at most', () => {
    const toy = new Toy();
    let refused = 0;
    for (let i = 0; i < 20; i++) {
      const seen = window(toy, 100, 5000);
      expect(seen.sent).to.equal(100);
      if (i > 0) refused += seen.refused;
      toy.now = Math.max(toy.now + 5000, toy.state.endsAt);
    }
    expect(refused).to.be.within(1, 20);
  });

  it('finds a limit that was raised', () => {
    const toy = new Toy();
    window(toy, 10, 5000);
    let sent = 0;
    for (let i = 0; i < 10; i++) {
      toy.now += 6000;
      sent = window(toy, 500, 5000).sent;
    }
    expect(sent).to.equal(500);
  });

  it('does not take 1 for the limit when the first call after a reset came too early', () => {
    const toy = new Toy();
    window(toy, 40, 5000);
    toy.now += 5000;
    toy.call(tooMany(1000));
    toy.now = toy.state.endsAt;
    expect(window(toy, 40, 5000)).to.deep.equal({ sent: 40, refused: 0 });
  });
});
