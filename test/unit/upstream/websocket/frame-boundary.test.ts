import { expect } from 'chai';
import fc from 'fast-check';
import { FrameBoundary } from '../../../../lib/upstream/websocket/frame-boundary.js';

/** A frame with this many bytes of payload (RFC 6455 §5.2). */
function frame(length: number, { masked = false, opcode = 2, wide = false } = {}): Buffer {
  const mask = masked ? 0x80 : 0;
  const head = Buffer.alloc(2 + (wide ? 8 : length < 126 ? 0 : 2));
  head[0] = 0x80 | opcode;
  head[1] = mask | (wide ? 127 : length < 126 ? length : 126);
  if (wide) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) head.writeUInt16BE(length, 2);
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), Buffer.alloc(length, 0xff)]);
}

describe('FrameBoundary', () => {
  it('is between frames before the first, and after each', () => {
    const frames = new FrameBoundary();
    expect(frames.between).to.equal(true);
    expect(frames.push(frame(0))).to.equal(2);
    expect(frames.push(frame(125))).to.equal(127);
    expect(frames.between).to.equal(true);
  });

  it('returns where the first frame ends, and -1 if none does', () => {
    const frames = new FrameBoundary();
    const bytes = Buffer.concat([frame(300), frame(5)]);
    expect(frames.push(bytes.subarray(0, 3))).to.equal(-1);
    expect(frames.push(bytes.subarray(3, 100))).to.equal(-1);
    expect(frames.push(bytes.subarray(100))).to.equal(204);
    expect(frames.between).to.equal(true);
  });

  it('detects a close frame', () => {
    const frames = new FrameBoundary();
    frames.push(frame(2, { opcode: 1 }));
    expect(frames.closing).to.equal(false);
    frames.push(frame(2, { opcode: 8 }));
    expect(frames.closing).to.equal(true);
  });

  it('is between frames at the end of any frames, however they are cut', () => {
    const anyFrame = fc
      .record({
        length: fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(65_535, 200, 126)),
        masked: fc.boolean(),
        wide: fc.boolean(),
      })
      .map(({ length, ...how }) => frame(length, how));
    const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 6 }), cuts, (list, sizes) => {
        const bytes = Buffer.concat(list);
        const ends = new Set<number>();
        let end = 0;
        for (const { length } of list) {
          end += length;
          ends.add(end);
        }
        const frames = new FrameBoundary();
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const chunk = bytes.subarray(at, at + (sizes[i % sizes.length] ?? 1));
          const first = frames.push(chunk);
          const expected = [...ends].find((edge) => edge > at && edge <= at + chunk.length);
          expect(first).to.equal(expected === undefined ? -1 : expected - at);
          at += chunk.length;
          expect(frames.between).to.equal(ends.has(at));
        }
      }),
    );
  });
});
