import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Three bytes for each, row by row. */
  readonly rgb: Buffer;
}

/** A screenshot of a browser in a third of its bytes: with 256 colours. */
export function smallPng(png: Buffer): Buffer {
  const { width, height, rgb } = pixelsOf(png);
  const counts = new Map<number, number>();
  for (let i = 0; i < rgb.length; i += 3) {
    const colour = rgb.readUIntBE(i, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = paletteOf([...counts].sort(([, a], [, b]) => b - a).map(([colour]) => colour));
  const places = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour)]));
  // Each row begins with its filter: none, which is best for indexes.
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      rows[y * (width + 1) + x + 1] = places.get(rgb.readUIntBE(at, 3)) ?? 0;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8);
  const colours = Buffer.alloc(palette.length * 3);
  palette.forEach((colour, i) => {
    colours.writeUIntBE(colour, i * 3, 3);
  });
  const data = deflateSync(rows, { level: 9, memLevel: 9 });
  const chunks = [chunk('IHDR', head), chunk('PLTE', colours), chunk('IDAT', data), chunk('IEND')];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

/** The most frequent colour of each kind, so that none which is rare becomes another; then the most frequent ones. */
function paletteOf(colours: readonly number[]): readonly number[] {
  const kinds = new Map<number, number>();
  for (const colour of [...colours].reverse()) kinds.set(colour & 0xf0f0f0, colour);
  const firsts = new Set(kinds.values());
  const some = colours.filter((colour) => firsts.has(colour));
  return [...new Set([...some.slice(0, 256), ...colours])].slice(0, 256);
}

function nearest(palette: readonly number[], colour: number): number {
  const distance = (other: number): number =>
    [16, 8, 0].reduce((sum, shift) => sum + (((colour >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
  const distances = palette.map(distance);
  return distances.indexOf(Math.min(...distances));
}

function chunk(type: string, data = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

/** Reads an image of eight bits for each of three or four channels, as browsers write them. */
function pixelsOf(png: Buffer): Pixels {
  const parts = new Map<string, Buffer[]>();
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    parts.set(type, [...(parts.get(type) ?? []), png.subarray(at + 8, at + 8 + length)]);
    at += length + 12;
  }
  const [head = Buffer.alloc(13)] = parts.get('IHDR') ?? [];
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const channels = { 2: 3, 6: 4 }[head[9] ?? 0];
  if (head[8] !== 8 || channels === undefined || head[12] !== 0) throw new Error('not an image of a browser');
  const raw = inflateSync(Buffer.concat(parts.get('IDAT') ?? []));
  const size = width * channels;
  const rgb = Buffer.alloc(width * height * 3);
  let above = Buffer.alloc(size);
  for (let y = 0; y < height; y++) {
    const start = y * (size + 1);
    const row = unfiltered(raw[start] ?? 0, raw.subarray(start + 1, start + 1 + size), above, channels);
    for (let x = 0; x < width; x++) row.copy(rgb, (y * width + x) * 3, x * channels, x * channels + 3);
    above = row;
  }
  return { width, height, rgb };
}

/** PNG (third edition) §9.2. */
function unfiltered(filter: number, line: Buffer, above: Buffer, channels: number): Buffer<ArrayBuffer> {
  const row = Buffer.alloc(line.length);
  for (let x = 0; x < line.length; x++) {
    const [left, corner] = x < channels ? [0, 0] : [row[x - channels] ?? 0, above[x - channels] ?? 0];
    const up = above[x] ?? 0;
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
    row[x] = (line[x] ?? 0) + guess;
  }
  return row;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
