import { connect } from 'node:net';
import { finish, send } from './pieces.js';
import type { RequestPlan } from './request-plan.js';
import { realTimeout } from './watch.js';

const LOOK_MS = 30;
/** Counted in looks, not in time: a process that stands still has not waited. */
const QUIET_LOOKS = 2;
const PATIENT_LOOKS = 100;
const BEGIN_BYTES = 1024;

/** What a client has seen of its exchange. */
export interface Seen {
  /** The first bytes that came. */
  readonly begin: string;
  readonly bytes: number;
  /** The proxy had not closed the connection, and said nothing more, when the client had waited long enough. */
  readonly stuck: boolean;
}

/** Does what the plan says; resolves when its connection has closed. */
export function exchange(port: number, plan: RequestPlan): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    let begin = '';
    let bytes = 0;
    let stuck = false;
    let sent = false;
    let quietLooks = 0;
    const leave = (): void => {
      finish(socket, plan.leaves);
      // Half-closed it still hears what comes.
      if (plan.leaves === 'end') realTimeout(() => socket.destroy(), 20);
    };
    const look = (): void => {
      if (socket.destroyed) return;
      quietLooks++;
      // A connection that is kept says nothing more behind its response.
      if (sent && bytes > 0 && quietLooks > QUIET_LOOKS) return void socket.destroy();
      if (quietLooks > PATIENT_LOOKS) {
        stuck = true;
        return void socket.destroy();
      }
      realTimeout(look, LOOK_MS);
    };
    socket.on('data', (chunk) => {
      if (begin.length < BEGIN_BYTES) begin += chunk.toString('latin1', 0, BEGIN_BYTES);
      bytes += chunk.length;
      quietLooks = 0;
      if (bytes > plan.leavesAfter) leave();
    });
    socket.on('end', () => socket.destroy()).on('error', () => {});
    socket.on('close', () => resolve({ begin, bytes, stuck }));
    if (plan.deafMs > 0) {
      socket.pause();
      realTimeout(() => {
        quietLooks = 0;
        socket.resume();
      }, plan.deafMs);
    }
    send(socket, plan.pieces, () => {
      sent = true;
      if (plan.leavesAfter === 0) leave();
    });
    look();
  });
}
