import { createServer, request, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { pipeline } from '../../lib/core/pipeline.js';
import { retry } from '../../lib/retry/retry.js';
import { type ForwardHandler, forward } from '../../lib/upstream/forward.js';
import { exchange } from './client.js';
import { requestPlan } from './request-plan.js';
import { PLAIN, Target } from './target.js';
import { realTimeout, type Watch, watch } from './watch.js';

export interface FuzzOptions {
  readonly transport: 'undici' | 'node';
  readonly seed: number;
  /** Ends after so long, or after so many exchanges. */
  readonly seconds: number;
  readonly exchanges?: number;
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
const MAX_FAULTS = 5;

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
    requestTimeoutMs: 250,
    bodyTimeoutMs: 250,
    connections: 2 * AT_ONCE,
  });
  const front = new Front(handler);
  const port = await listen(front.server);
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
    const status = /^HTTP\/1\.1 ([1-9]\d\d) /.exec(begin)?.[1];
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
      const text = await plainRequest(port).catch((error: Error) => error.message);
      if (text !== PLAIN)
        faults.push(`after exchange ${number}: a plain request got ${JSON.stringify(text)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, many));

  await leaveNothing(handler, front, target, watched);
  watched.close();
  return { exchanges: next - from, upgrades, plain, attempts: target.requests, statuses, faults };
}

/** The server in front of `forward()`. */
class Front {
  readonly sockets = new Set<Socket>();
  readonly server: Server;
  /** Requests whose response has not closed. */
  open = 0;

  constructor(handler: ForwardHandler) {
    const again = retry({ initialDelayMs: 1, maxDelayMs: 5, maxAttempts: 3 });
    const chain = pipeline([
      (req, res, next) => (req.url?.startsWith('/r/') ? again(req, res, next) : next()),
      handler,
    ]);
    this.server = createServer({ noDelay: true }, (req, res) => {
      this.open++;
      res.on('close', () => this.open--);
      chain(req, res, (error) => {
        if (res.headersSent) return void res.destroy();
        res.statusCode = 500;
        res.end(error instanceof Error ? error.message : '');
      });
    });
    this.server.on('upgrade', handler.upgrade).on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }
}

/** Closes all, and finds what does not go. */
async function leaveNothing(
  handler: ForwardHandler,
  front: Front,
  target: Target,
  { faults, timersLeft }: Watch,
): Promise<void> {
  if (!(await soon(() => front.open === 0 && front.sockets.size === 0)))
    faults.push(`left: ${front.open} responses and ${front.sockets.size} sockets of clients`);
  await handler.close();
  if (!(await soon(() => target.sockets.size === 0)))
    faults.push(`left: ${target.sockets.size} sockets of targets`);
  const timers = () => timersLeft().filter((place) => !ONE_FOR_ALL.test(place));
  if (!(await soon(() => timers().length === 0)))
    faults.push(`left: timers, set ${[...new Set(timers())].join(', ')}`);
  await Promise.all([close(front.server), close(target.server)]);
}

/** undici has one timer for all its slow ones, which goes on by itself. */
const ONE_FOR_ALL = /undici\/lib\/util\/timers/;

async function soon(condition: () => boolean): Promise<boolean> {
  const until = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > until) return false;
    await new Promise((resolve) => realTimeout(resolve, 5));
  }
  return true;
}

function plainRequest(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = realTimeout(() => req.destroy(new Error('nothing for 5 s')), 5000);
    const req = request({ port, host: '127.0.0.1', path: '/plain', agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk) => {
        text += chunk;
      });
      res.on('end', () => resolve(text)).on('error', reject);
    });
    req.on('error', reject).on('close', () => clearTimeout(late));
    req.end();
  });
}

async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const close = (server: NetServer): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
