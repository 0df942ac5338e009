import { connect, createServer } from 'node:net';
import { expect } from 'chai';
import { type Deadline, DeadlineWheel } from '../../../lib/upstream/deadline-wheel.js';
import { onCleanup } from '../../support/cleanup.js';
import { listening } from '../../support/listening.js';
import { eventOf, until } from '../../support/until.js';

function open(): DeadlineWheel {
  const wheel = new DeadlineWheel();
  onCleanup(() => wheel.close());
  return wheel;
}

function due(inMs: number): Deadline & { dueAt: number; expiredAt: number } {
  const deadline = {
    dueAt: performance.now() + inMs,
    dueInMs: (now: number) => deadline.dueAt - now,
    slot: -1,
    expiredAt: 0,
    expire: () => {
      deadline.expiredAt = performance.now();
    },
  };
  return deadline;
}

describe('DeadlineWheel', () => {
  it('expires each deadline once, never early and at most slightly late', async () => {
    const wheel = open();
    const deadlines = [due(60), due(10), due(30)];
    for (const deadline of deadlines) wheel.watch(deadline);
    await until(() => deadlines.every(({ expiredAt }) => expiredAt > 0));
    for (const { dueAt, expiredAt } of deadlines) expect(expiredAt - dueAt).to.be.within(0, 200);
  });

  it('does not expire what was forgotten', async () => {
    const wheel = open();
    const [forgotten, other] = [due(10), due(40)];
    wheel.watch(forgotten);
    wheel.watch(other);
    wheel.forget(forgotten);
    await until(() => other.expiredAt > 0);
    expect(forgotten.expiredAt).to.equal(0);
  });

  it('also watches deadlines that are added while one expires', async () => {
    const wheel = open();
    const second = due(20);
    wheel.watch({ dueInMs: () => 0, slot: -1, expire: () => wheel.watch(second) });
    await until(() => second.expiredAt > 0);
  });

  it('expires many a few at a time, so that what else happens has its turn', async () => {
    const wheel = open();
    const turns: number[] = [];
    let turn = 0;
    const count = (): void => {
      turn++;
      if (turns.length < 100) setImmediate(count);
    };
    const expire = (): void => {
      turns.push(turn);
      if (turns.length === 1) count();
    };
    for (let i = 0; i < 100; i++) wheel.watch({ dueInMs: () => 0, slot: -1, expire });
    await until(() => turns.length === 100);
    const most = Math.max(...turns.map((one) => turns.filter((other) => other === one).length));
    expect(most).to.be.within(1, 20);
  });

  it('expires one at a time where each takes long', async () => {
    const wheel = open();
    const turns: number[] = [];
    let turn = 0;
    const count = (): void => {
      turn++;
      if (turns.length < 10) setImmediate(count);
    };
    const expire = (): void => {
      turns.push(turn);
      if (turns.length === 1) count();
      const until = performance.now() + 3;
      while (performance.now() < until);
    };
    for (let i = 0; i < 10; i++) wheel.watch({ dueInMs: () => 0, slot: -1, expire });
    await until(() => turns.length === 10);
    expect(new Set(turns).size).to.equal(10);
  });

  it('starts again after it was idle', async () => {
    const wheel = open();
    const [first, second] = [due(5), due(80)];
    wheel.watch(first);
    await until(() => first.expiredAt > 0);
    wheel.watch(second);
    await until(() => second.expiredAt > 0);
  });

  it('expires nothing once it is closed', async () => {
    const wheel = open();
    const deadline = due(5);
    wheel.watch(deadline);
    wheel.close();
    const other = open();
    const later = due(60);
    other.watch(later);
    await until(() => later.expiredAt > 0);
    expect(deadline.expiredAt).to.equal(0);
  });

  it('expires the rest when one throws', async () => {
    const wheel = open();
    const errors: unknown[] = [];
    const [known] = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const hear = (error: unknown) => errors.push(error);
    process.on('uncaughtException', hear);
    onCleanup(() => {
      process.off('uncaughtException', hear);
      if (known) process.on('uncaughtException', known);
    });
    const after = due(5);
    wheel.watch({
      dueInMs: () => 0,
      slot: -1,
      expire: () => {
        throw new Error('from a listener');
      },
    });
    wheel.watch(after);
    await until(() => after.expiredAt > 0);
    expect(errors).to.have.length(1);
  });

  it('reads sockets once before anything expires, however late it is', async () => {
    const wheel = open();
    const server = createServer((socket) => socket.write('in time'));
    const { port } = await listening(server);
    const socket = connect(port, '127.0.0.1');
    onCleanup(() => socket.destroy());
    await eventOf(socket, 'connect');
    const deadline = due(40);
    socket.on('data', () => wheel.forget(deadline));
    socket.on('data', () => Object.assign(deadline, { read: true }));
    wheel.watch(deadline);
    // The process stands still: when it goes on its timers are late, and what has arrived is unread.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await until(() => 'read' in deadline);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(deadline.expiredAt).to.equal(0);
  });

  it('asks none before the time that it has told, unless it has moved', async () => {
    const wheel = open();
    let asked = 0;
    const far = { slot: -1, dueInMs: () => 3_600_000 + asked++, expire: () => {} };
    wheel.watch(far);
    const next = due(120);
    wheel.watch(next);
    await until(() => next.expiredAt > 0);
    expect(asked).to.equal(1);
    wheel.moved(far);
    await until(() => asked === 2);
  });

  it('knows when to ask each, also after one before it was forgotten', async () => {
    const wheel = open();
    const [gone, soon, other] = [due(3_600_000), due(40), due(60)];
    for (const deadline of [gone, soon, other]) wheel.watch(deadline);
    await new Promise((resolve) => setTimeout(resolve, 30));
    wheel.forget(gone);
    await until(() => soon.expiredAt > 0 && other.expiredAt > 0);
    for (const { dueAt, expiredAt } of [soon, other]) expect(expiredAt - dueAt).to.be.within(0, 200);
  });

  it('asks again before one expires that has moved meanwhile', async () => {
    const wheel = open();
    let asked = 0;
    let expired = 0;
    const deadline = { slot: -1, dueInMs: () => (++asked % 2 === 1 ? 0 : 1), expire: () => void expired++ };
    wheel.watch(deadline);
    await until(() => asked >= 6);
    expect(expired).to.equal(0);
  });
});
