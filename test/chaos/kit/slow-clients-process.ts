// Clients that are slow on purpose.
import { connect, type Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import type { SlowPlan, SlowReport } from './slow-clients.js';

/** After how long a client whose connection was ended comes back, on average. */
const RETURN_MS = 100;

type Kind = 'heads' | 'bodies' | 'idle';

// They stand for other machines, and must not take the gateway's turns on this one.
setPriority(constants.priority.PRIORITY_LOW);

const open = new Set<Socket>();
/** Bodies that are being sent, and since when. */
const sending = new Map<Socket, number>();
/** Clients have no common clock: so many moments of a second at which each a share of them sends its byte. */
const MOMENTS = 100;
interface Drip {
  readonly text: string;
  sent: number;
}
/** What clients send byte by byte, by the moment at which each does. */
const dripping = Array.from({ length: MOMENTS }, () => new Map<Socket, Drip>());
let clients = 0;
const bodies: Record<string, number> = {};
let oldestBodyMs = 0;
let heads = 0;

function endOfBody(socket: Socket): void {
  oldestBodyMs = Math.max(
    oldestBodyMs,
    performance.now() - (sending.get(socket) ?? Number.POSITIVE_INFINITY),
  );
  sending.delete(socket);
}

function start(plan: SlowPlan, kind: Kind): Promise<void> {
  const socket = connect({ port: plan.port, host: '127.0.0.1' });
  const moment = dripping[clients++ % MOMENTS];
  let text = '';
  socket.on('error', () => {});
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data;
  });
  socket.once('close', () => {
    open.delete(socket);
    moment?.delete(socket);
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
    if (kind === 'heads') heads++;
    if (kind === 'bodies') {
      const how = status ?? 'closed';
      bodies[how] = (bodies[how] ?? 0) + 1;
      endOfBody(socket);
    }
    // Who wants to hold a server up comes back.
    setTimeout(() => void start(plan, kind), Math.random() * 2 * RETURN_MS);
  });
  return new Promise((connected) => {
    socket.once('connect', () => {
      open.add(socket);
      if (kind === 'heads')
        moment?.set(socket, { text: `GET ${plan.path} HTTP/1.1\r\nHost: localhost\r\nX-Slow: `, sent: 0 });
      if (kind === 'bodies') {
        sending.set(socket, performance.now());
        socket.write(`POST ${plan.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`);
        moment?.set(socket, { text: '', sent: 0 });
      }
      connected();
    });
    socket.once('close', connected);
  });
}

let turn = 0;
setInterval(() => {
  for (const [socket, drip] of dripping[turn++ % MOMENTS] ?? []) socket.write(drip.text[drip.sent++] ?? 'x');
}, 1000 / MOMENTS);

async function startAll(plan: SlowPlan): Promise<void> {
  const kinds: Kind[] = [];
  for (const kind of ['idle', 'heads', 'bodies'] as const)
    for (let i = 0; i < plan[kind]; i++) kinds.push(kind);
  kinds.sort(() => Math.random() - 0.5);
  await Promise.all(
    kinds.map(async (kind) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * plan.overMs));
      await start(plan, kind);
    }),
  );
  process.send?.('connected');
}

process.on('message', (order: SlowPlan | 'report') => {
  if (order !== 'report') return void startAll(order);
  for (const socket of [...sending.keys()]) endOfBody(socket);
  const report: SlowReport = { open: open.size, bodies, oldestBodyMs, heads };
  process.send?.(report);
});
// They end with the suite.
process.once('disconnect', () => process.exit());
