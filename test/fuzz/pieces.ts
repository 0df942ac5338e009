import type { Socket } from 'node:net';
import type { Random } from './random.js';
import { realTimeout } from './watch.js';

/** Bytes that are sent at once, after a pause. */
export interface Piece {
  readonly bytes: Buffer;
  readonly waitMs: number;
}

/** How a side ends a connection. */
export type Ending = 'keep' | 'end' | 'destroy' | 'reset';

/** Cuts bytes into pieces, at places that nobody expects. */
export function cut(random: Random, text: string): Piece[] {
  const bytes = Buffer.from(text, 'latin1');
  const pieces: Piece[] = [];
  const most = random.chance(0.5) ? 1 : random.int(2, 6);
  for (let from = 0; from < bytes.length; ) {
    const last = pieces.length === most - 1;
    const to = last ? bytes.length : Math.min(bytes.length, from + 1 + random.size(bytes.length));
    pieces.push({ bytes: bytes.subarray(from, to), waitMs: random.chance(0.8) ? 0 : random.int(1, 8) });
    from = to;
  }
  return pieces;
}

/** Sends pieces in turn, as fast as they are taken, until all are sent or the socket is gone. */
export function send(socket: Socket, pieces: readonly Piece[], done: () => void): void {
  let next = 0;
  const goOn = (): void => {
    const piece = pieces[next++];
    if (socket.destroyed) return;
    if (!piece) return done();
    const write = (): void => {
      if (socket.destroyed || !socket.writable) return;
      if (socket.write(piece.bytes)) goOn();
      else socket.once('drain', goOn);
    };
    if (piece.waitMs > 0) realTimeout(write, piece.waitMs);
    else write();
  };
  goOn();
}

export function finish(socket: Socket, ending: Ending): void {
  if (socket.destroyed) return;
  if (ending === 'end') socket.end();
  if (ending === 'destroy') socket.destroy();
  if (ending === 'reset') socket.resetAndDestroy();
}
