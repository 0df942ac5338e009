import { expect } from 'chai';
import { KeptChunks } from '../../../lib/core/kept-chunks.js';

function keptOf(...sizes: number[]): { kept: KeptChunks; chunks: Buffer[] } {
  const kept = new KeptChunks();
  const chunks = sizes.map((size, i) => Buffer.alloc(size, i % 251));
  for (const chunk of chunks) kept.add(chunk);
  return { kept, chunks };
}

describe('KeptChunks', () => {
  it('does not copy large chunks, nor a small one that comes alone', () => {
    const { kept, chunks } = keptOf(3, 4096, 512, 70_000);
    expect(kept.list()).to.have.length(4);
    for (const [i, chunk] of kept.list().entries()) expect(chunk).to.equal(chunks[i]);
    const alone = keptOf(10);
    expect(alone.kept.whole()).to.equal(alone.chunks[0]);
  });

  it('has few buffers of many small chunks, whose bytes are all there in order', () => {
    const { kept, chunks } = keptOf(...Array.from({ length: 100_000 }, () => 1));
    expect(kept.length).to.equal(100_000);
    expect(kept.list().length).to.be.below(20);
    expect(kept.whole()).to.deep.equal(Buffer.concat(chunks));
  });

  it('keeps the order of small and large ones, whatever comes after what', () => {
    const sizes = Array.from(
      { length: 500 },
      (_, i) => [1, 511, 512, 3, 9000, 20, 0, 600, 100][(i * 7) % 9] ?? 1,
    );
    const { kept, chunks } = keptOf(...sizes);
    expect(Buffer.concat(kept.list())).to.deep.equal(Buffer.concat(chunks));
    expect(kept.length).to.equal(Buffer.concat(chunks).length);
  });

  it('leaves a list as it was when more is added', () => {
    const { kept } = keptOf(1, 1, 1);
    const before = kept.list();
    const bytes = Buffer.concat(before);
    kept.add(Buffer.from('more'));
    expect(Buffer.concat(before)).to.deep.equal(bytes);
    expect(before).to.not.equal(kept.list());
  });

  it('is empty before anything was added', () => {
    const kept = new KeptChunks();
    expect(kept.list()).to.deep.equal([]);
    expect(kept.whole().length).to.equal(0);
  });
});
