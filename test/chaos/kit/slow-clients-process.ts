// Clients that are slow on purpose.
import { connect, type Socket } from 'node:net';
import type { SlowPlan, SlowReport } from './slow-clients.js';

/** Connected at once: a backlog that overflows makes the kernel wait for seconds. */
const BATCH = 50;

type Kind = 'heads' | 'bodies' | 'idle';

const open = new Set<Socket>();
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
let longestBodyMs = 0;
let heads = 0;

function start(plan: SlowPlan, kind: Kind): Promise<void> {
  const socket = connect({ port: plan.port, host: '127.0.0.1' });
  const moment = dripping[clients++ % MOMENTS];
  let text = '';
  let beganAt = 0;
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
      longestBodyMs = Math.max(longestBodyMs, performance.now() - beganAt);
    }
    // Who wants to hold a server up comes back.
    setTimeout(() => void start(plan, kind), 100);
  });
  return new Promise((connected) => {
    socket.once('connect', () => {
      open.add(socket);
      beganAt = performance.now();
      if (kind === 'heads')
        moment?.set(socket, { text: `GET ${plan.path} HTTP/1.1\r\nHost: localhost\r\nX-Slow: `, sent: 0 });
      if (kind === 'bodies') {
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
  const { length } = kinds;
  for (let i = 0; i < length; i += BATCH) {
    await Promise.all(kinds.slice(i, i + BATCH).map((kind) => start(plan, kind)));
    await new Promise((resolve) => setTimeout(resolve, (plan.overMs * BATCH) / length));
  }
  process.send?.('connected');
}

process.on('message', (order: SlowPlan | 'report') => {
  if (order !== 'report') return void startAll(order);
  const report: SlowReport = { open: open.size, bodies, longestBodyMs, heads };
  process.send?.(report);
});
// They end with the suite.
process.once('disconnect', () => process.exit());
