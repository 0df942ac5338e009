import { expect } from 'chai';
import { RetryBudget } from '../../../lib/retry/retry-budget.js';

function withdrawals(budget: RetryBudget, tries: number, now: number): number {
  return Array.from({ length: tries }, () => budget.withdraw(now)).filter(Boolean).length;
}

describe('RetryBudget', () => {
  it('always allows ten retries a second', () => {
    const budget = new RetryBudget(0.2);
    expect(withdrawals(budget, 100, 5000)).to.equal(10);
    expect(withdrawals(budget, 100, 6000)).to.equal(10);
  });

  it('allows a share of the calls of the last ten seconds', () => {
    const budget = new RetryBudget(0.2);
    for (let i = 0; i < 1000; i++) budget.deposit(5000 + i);
    expect(withdrawals(budget, 1000, 6000)).to.equal(200);
  });

  it('forgets calls and retries after ten seconds', () => {
    const budget = new RetryBudget(0.2);
    for (let i = 0; i < 1000; i++) budget.deposit(5000);
    expect(withdrawals(budget, 1000, 15_500)).to.equal(10);
  });

  it('forgets each second by itself, when ten have passed', () => {
    const budget = new RetryBudget(0.5);
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 40; i++) budget.deposit(5000 + second * 1000);
    }
    // What was taken counts on, though ten a second are free.
    expect(withdrawals(budget, 1000, 14_000)).to.equal(200);
    expect(withdrawals(budget, 1000, 14_999)).to.equal(0);
    expect(withdrawals(budget, 1000, 15_000)).to.equal(10);
    for (let i = 0; i < 400; i++) budget.deposit(23_999);
    expect(withdrawals(budget, 1000, 23_999)).to.equal(10);
    // Those of the second 14 are forgotten, and only they.
    expect(withdrawals(budget, 1000, 24_000)).to.equal(180);
  });

  it('tells how many are left, which are as many as it gives', () => {
    for (const [calls, taken] of [
      [0, 0],
      [0, 4],
      [400, 0],
      [400, 150],
      [400, 200],
    ] as const) {
      const budget = new RetryBudget(0.5);
      for (let i = 0; i < calls; i++) budget.deposit(5000);
      withdrawals(budget, taken, 5000);
      for (const now of [5000, 6000, 20_000]) {
        const left = budget.left(now);
        expect(budget.left(now)).to.equal(left);
        expect(withdrawals(budget, 1000, now), `${calls} calls, ${taken} taken, at ${now}`).to.equal(left);
      }
    }
  });

  it('counts on where a clock goes back', () => {
    const budget = new RetryBudget(0.5);
    for (let i = 0; i < 100; i++) budget.deposit(50_000);
    budget.deposit(20_000);
    budget.deposit(20_000);
    expect(withdrawals(budget, 1000, 50_000)).to.equal(51);
  });

  it('works after a long silence', () => {
    const budget = new RetryBudget(0.5);
    budget.deposit(0);
    for (let i = 0; i < 100; i++) budget.deposit(9_000_000);
    expect(withdrawals(budget, 1000, 9_000_000)).to.equal(50);
  });

  it('gives back all of it by a reset, with what calls have added', () => {
    const budget = new RetryBudget(0.5);
    for (let i = 0; i < 100; i++) budget.deposit(5000);
    expect(withdrawals(budget, 100, 5000)).to.equal(50);
    budget.reset();
    expect(withdrawals(budget, 100, 5000)).to.equal(10);
  });
});
