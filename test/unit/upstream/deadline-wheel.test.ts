import { expect } from 'chai';
import { type Deadline, DeadlineWheel } from '../../../lib/upstream/deadline-wheel.js';
import { onCleanup } from '../../support/cleanup.js';
import { until } from '../../support/until.js';

function open(): DeadlineWheel {
  const wheel = new DeadlineWheel();
  onCleanup(() => wheel.close());
  return wheel;
}

function due(inMs: number): Deadline & { expiredAt: number } {
  const deadline = {
    dueAt: performance.now() + inMs,
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
    wheel.watch({ dueAt: performance.now(), slot: -1, expire: () => wheel.watch(second) });
    await until(() => second.expiredAt > 0);
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
      dueAt: performance.now(),
      slot: -1,
      expire: () => {
        throw new Error('from a listener');
      },
    });
    wheel.watch(after);
    await until(() => after.expiredAt > 0);
    expect(errors).to.have.length(1);
  });
});
