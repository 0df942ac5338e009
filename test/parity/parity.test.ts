import { expect } from 'chai';
import { ALL_CASES } from './cases/all-cases.js';
import { parityTests, unseenDeviations } from './support/parity-tests.js';

parityTests(ALL_CASES);

describe('differences of every call', () => {
  it('each occur in some case', () => {
    expect(unseenDeviations()).to.deep.equal([]);
  });
});
