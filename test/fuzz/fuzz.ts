import { Agent, request } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { type ForwardHandler, forward } from '../../lib/upstream/forward.js';
import { exchange } from './client.js';
import { Front } from './front.js';
import { requestPlan } from './request-plan.js';
import { PLAIN, Target } from './target.js';
import { realTimeout, type Watch, watch } from './watch.js';

export interface FuzzOptions {
  readonly transport: 'undici' | 'node';
  readonly seed: number;
  /** Ends after so long, or after so many exchanges. */
  readonly seconds: number;
  readonly exchanges?: number | undefined;
  /** Number of the first exchange. */
  readonly from?: number;
}

export interface FuzzResult {
  readonly exchanges: number;
  readonly upgrades: number;
  readonly plain: number;
  /** Requests that reached the target. */
  readonly attempts: number;
  /** Responses by their status, as the clients got them. */
  readonly statuses: Readonly<Record<string, number>>;
  /** What broke, each with the exchanges that may have caused it; empty is right. */
  readonly faults: readonly string[];
}

const AT_ONCE = 48;
/** After so many exchanges each of those at once asks for something plain. */
const PLAIN_EVERY = 4;
const TIMEOUT_MS = 250;
const MAX_FAULTS = 5;
/** Counted in looks, not in time: a process that stands still has not waited. */
const PATIENT_LOOKS = 500;
const LOOK_MS = 10;

/** Of the last head that has begun: interim ones come before it. */
const STATUS = /^(?:HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)*HTTP\/1\.1 ([1-9]\d\d) /;

/** Runs exchanges that nobody would have thought of, through one `forward()`. */
export async function fuzz({
  transport,
  seed,
  seconds,
  exchanges,
  from = 0,
}: FuzzOptions): Promise<FuzzResult> {
  const running = new Set<number>();
  const watched = watch(() => `while exchanges ${[...running].join(' ')} ran`);
  const { faults } = watched;
  const target = new Target(seed);
  const handler = forward({
    target: `http://127.0.0.1:${await listen(target.server)}`,
    transport,
    requestTimeoutMs: TIMEOUT_MS,
    bodyTimeoutMs: TIMEOUT_MS,
    connections: 2 * AT_ONCE,
  });
  const front = new Front(handler, TIMEOUT_MS, (error) =>
    faults.push(`${error}, while exchanges ${[...running].join(' ')} ran`),
  );
  const port = await listen(front.server);
  // Their connections serve many: what an exchange leaves on one adds up.
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const statuses: Record<string, number> = {};
  const until = performance.now() + seconds * 1000;
  const last = exchanges === undefined ? Number.POSITIVE_INFINITY : from + exchanges;
  let next = from;
  let upgrades = 0;
  let plain = 0;

  const one = async (number: number): Promise<void> => {
    const plan = requestPlan(seed, number);
    if (plan.upgrade) upgrades++;
    const { begin, stuck } = await exchange(port, plan);
    const status = STATUS.exec(begin)?.[1];
    statuses[status ?? 'none'] = (statuses[status ?? 'none'] ?? 0) + 1;
    if (begin && !status) faults.push(`exchange ${number}: a response begins with ${JSON.stringify(begin)}`);
    if (stuck) faults.push(`exchange ${number}: its client waited in vain after ${JSON.stringify(begin)}`);
  };
  const many = async (): Promise<void> => {
    for (let n = 1; performance.now() < until && next < last && faults.length < MAX_FAULTS; n++) {
      const number = next++;
      running.add(number);
      await one(number);
      running.delete(number);
      target.forget(number);
      if (n % PLAIN_EVERY > 0) continue;
      plain++;
      // A process that has no time for its requests serves them later.
      let text = await plainRequest(port, agent);
      for (let again = 0; again < 2 && text !== PLAIN; again++) text = await plainRequest(port, agent);
      if (text !== PLAIN)
        faults.push(`after exchange ${number}: a plain request got ${JSON.stringify(text)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, many));

  agent.destroy();
  await leaveNothing(handler, front, target, watched);
  watched.close();
  return { exchanges: next - from, upgrades, plain, attempts: target.requests, statuses, faults };
}

/** Closes all, and finds what does not go. */
async function leaveNothing(
  handler: ForwardHandler,
  front: Front,
  target: Target,
  watched: Watch,
): Promise<void> {
  const { faults } = watched;
  if (!(await soon(() => front.open === 0 && front.sockets.size === 0)))
    faults.push(`left: ${front.open} responses and ${front.sockets.size} sockets of clients`);
  let closed = false;
  void handler.close().then(() => {
    closed = true;
  });
  if (!(await soon(() => closed))) faults.push('left: forward() does not close');
  target.hear();
  if (!(await soon(() => target.sockets.size === 0)))
    faults.push(`left: ${target.sockets.size} sockets of targets`);
  if (!(await soon(() => watched.socketsLeft() === 0)))
    faults.push(`left: ${watched.socketsLeft()} sockets that were opened`);
  await Promise.all([front.close(), target.close()]);
  const timers = () => watched.timersLeft().filter((place) => !ONE_FOR_ALL.test(place));
  if (!(await soon(() => timers().length === 0)))
    faults.push(`left: timers, set ${[...new Set(timers())].join(', ')}`);
  const listeners = watched.listenersLeft();
  if (listeners.length > 0) faults.push(`left: listeners of the process for ${listeners.join(', ')}`);
}

/** undici has one timer for all its slow ones, which goes on by itself. */
const ONE_FOR_ALL = /undici\/lib\/util\/timers/;

const after = (ms: number): Promise<void> => new Promise((resolve) => realTimeout(resolve, ms));

async function soon(condition: () => boolean): Promise<boolean> {
  for (let looks = 0; !condition(); looks++) {
    if (looks === PATIENT_LOOKS) return false;
    await after(LOOK_MS);
  }
  return true;
}

/** Tried again as others are: the target may close its connection just when it is sent. */
async function plainRequest(port: number, agent: Agent): Promise<string> {
  let text: string | undefined;
  const req = request({ port, host: '127.0.0.1', path: '/r/plain', agent }, (res) => {
    let body = '';
    res.on('data', (chunk) => {
      body += chunk;
    });
    res.on('close', () => {
      text = res.complete ? body : 'a part of a response';
    });
  });
  req.on('error', (error) => {
    text = error.message;
  });
  req.end();
  const responded = await soon(() => text !== undefined);
  if (!responded) req.destroy();
  return text ?? 'no response';
}

async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
