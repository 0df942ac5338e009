import { expect } from 'chai';
import { formatState, freshBatches, parseState } from '../../../../lib/stats/redis/state.js';

const NOW = 1_790_000_000_000;
const DAY = 86_400_000;
const EMPTY = { version: 0, late: 0, writers: new Map() };

const batch = (writer: string, number: number) => ({ writer, number, deltas: [] });
const names = (batches: readonly { writer: string; number: number }[]) =>
  batches.map(({ writer, number }) => writer + number);

describe('parseState()', () => {
  it('restores what formatState() wrote', () => {
    const state = { version: 3, late: 2, writers: new Map([['a', [7, NOW]] as const]) };
    expect(parseState(formatState(state, NOW))).to.deep.equal(state);
  });

  it('treats a damaged state as empty', () => {
    const texts = ['', 'null', '[]', '{"version":"1"}', '{"version":1,"late":0,"writers":{}}', '{'];
    for (const text of texts) expect(parseState(text), text).to.deep.equal(EMPTY);
    expect(
      parseState('{"version":1,"late":0,"writers":[1,["a"],["b",[1]],["c",[1,2]]]}').writers,
    ).to.have.keys('c');
  });
});

describe('formatState()', () => {
  it('forgets processes that are long gone, once there are many', () => {
    const old = Array.from({ length: 500 }, (_, i) => [`old${i}`, [1, NOW - 2 * DAY]] as const);
    const writers = new Map<string, readonly [number, number]>([...old, ['new', [1, NOW]]]);
    const kept = parseState(formatState({ ...EMPTY, writers }, NOW)).writers;
    expect(kept.size).to.equal(200);
    expect(kept.has('new')).to.equal(true);
  });
});

describe('freshBatches()', () => {
  it('returns each batch once, and none that is already merged', () => {
    const state = { ...EMPTY, writers: new Map([['a', [4, NOW]] as const]) };
    const list = [batch('a', 4), batch('a', 5), batch('b', 1), batch('a', 5), batch('b', 2), batch('b', 1)];
    const { fresh, writers } = freshBatches(list, state, NOW);
    expect(names(fresh)).to.deep.equal(['a5', 'b1', 'b2']);
    expect([...writers]).to.deep.equal([
      ['a', [5, NOW]],
      ['b', [2, NOW]],
    ]);
    expect(state.writers.get('a')).to.deep.equal([4, NOW]);
  });
});
