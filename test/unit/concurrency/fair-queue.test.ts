import { expect } from 'chai';
import { FairQueue } from '../../../lib/concurrency/fair-queue.js';

interface Item {
  readonly party: string;
  readonly n: number;
}

function queueOf(parties: string): { queue: FairQueue<Item>; items: Item[] } {
  const queue = new FairQueue<Item>();
  const items = [...parties].map((party, n) => ({ party, n }));
  for (const item of items) queue.add(item);
  return { queue, items };
}

function all(queue: FairQueue<Item>): string {
  let order = '';
  for (let next = queue.next(); next; next = queue.next()) order += `${next.party}${next.n} `;
  return order.trim();
}

describe('FairQueue', () => {
  it('serves one party in the order in which its calls came', () => {
    expect(all(queueOf('aaa').queue)).to.equal('a0 a1 a2');
  });

  it('lets parties take turns', () => {
    expect(all(queueOf('aaabbc').queue)).to.equal('a0 b3 c5 a1 b4 a2');
  });

  it('does not let a party that was served overtake one that waits', () => {
    const { queue } = queueOf('aab');
    queue.next();
    queue.add({ party: 'c', n: 9 });
    expect(all(queue)).to.equal('b2 a1 c9');
  });

  it('takes out those that leave, once', () => {
    const { queue, items } = queueOf('aab');
    const [first] = items;
    if (!first) throw new Error('There is none');
    expect([queue.remove(first), queue.remove(first), queue.size]).to.deep.equal([true, false, 2]);
    expect(all(queue)).to.equal('a1 b2');
    expect(queue.size).to.equal(0);
  });

  it('finds the last of the longest backlog, if it is longer than that', () => {
    const { queue } = queueOf('aabbb');
    expect(queue.lastOfCrowd(2)).to.deep.equal({ party: 'b', n: 4 });
    expect(queue.lastOfCrowd(3)).to.equal(undefined);
    expect([queue.countOf('a'), queue.countOf('c')]).to.deep.equal([2, 0]);
  });
});
