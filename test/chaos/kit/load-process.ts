// The process of a load: calls at a constant rate, each due at its time whatever became of those before it.
import { Agent, type IncomingMessage, request } from 'node:http';
import type { CallRecord } from './ledger.js';
import type { CallKind, LoadOrder, LoadPlan, LoadReport } from './load.js';
import { now } from './now.js';

const TICK_MS = 1;

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 1024 });
let ended: CallRecord[] = [];
let underWay = 0;
let whenIdle: (() => void) | undefined;

const tell = (report: LoadReport, told?: () => void): void =>
  void process.send?.(report, undefined, {}, told);

/** Takes kinds in turn, so that each gets exactly its share. */
function turns(mix: readonly CallKind[]): () => { readonly kind: CallKind; readonly number: number } {
  const sum = mix.reduce((all, { share }) => all + share, 0);
  const lanes = mix.map((kind) => ({ kind, owed: 0, number: 0 }));
  return () => {
    for (const lane of lanes) lane.owed += lane.kind.share / sum;
    const next = lanes.reduce((most, lane) => (lane.owed > most.owed ? lane : most));
    next.owed--;
    return { kind: next.kind, number: next.number++ };
  };
}

class Generator {
  readonly #plan: LoadPlan;
  readonly #next: ReturnType<typeof turns>;
  readonly #from = now();
  readonly #timer: NodeJS.Timeout;
  targets: readonly (URL | undefined)[];
  #sent = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.targets = urls(plan.targets);
    this.#next = turns(plan.mix);
    this.#timer = setInterval(() => this.#sendDue(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sendDue(): void {
    const due = Math.floor(((now() - this.#from) * this.#plan.rate) / 1000);
    while (this.#sent < due) this.#send(this.#from + (this.#sent++ * 1000) / this.#plan.rate);
  }

  #send(at: number): void {
    const running = this.targets.flatMap((url, target) => (url ? [{ url, target }] : []));
    if (running.length === 0) return;
    const { kind, number } = this.#next();
    const { method = 'GET', headers, body, variants = Number.POSITIVE_INFINITY } = kind;
    // Each kind goes to every process, and so does each variant.
    const turn = number + Math.floor(number / variants);
    const { url, target } = running[turn % running.length] as (typeof running)[number];
    const path = kind.path.replace('{n}', `${number % variants}`);
    underWay++;
    const lateMs = now() - at;
    let over = false;
    const end = (status: number, error?: string): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      ended.push({ kind: kind.kind, path, target, at, latencyMs: now() - at, lateMs, status, error });
      if (--underWay === 0) whenIdle?.();
    };
    const length = body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` };
    const { hostname, port } = url;
    const req = request({ agent, hostname, port, method, path, headers: { ...length, ...headers } });
    const timer = setTimeout(() => {
      end(0, 'TIMEOUT');
      req.destroy();
    }, this.#plan.timeoutMs ?? 15_000);
    req.on('error', (error: NodeJS.ErrnoException) => end(0, error.code ?? error.message));
    req.on('response', (res: IncomingMessage) => {
      res.resume();
      res.on('error', (error: NodeJS.ErrnoException) => end(0, error.code ?? error.message));
      res.on('close', () => (res.complete ? end(res.statusCode ?? 0) : end(0, 'CUT')));
    });
    req.end(body);
  }
}

const urls = (targets: readonly (string | undefined)[]): (URL | undefined)[] =>
  targets.map((target) => (target === undefined ? undefined : new URL(target)));

function report(last: boolean, told?: () => void): void {
  tell({ type: 'report', last, records: ended }, told);
  ended = [];
}

let generator: Generator | undefined;

function obey(order: LoadOrder): void {
  if (order.type === 'start') {
    generator = new Generator(order.plan);
    tell({ type: 'started' });
  }
  if (order.type === 'retarget' && generator) generator.targets = urls(order.targets);
  if (order.type === 'report') report(false);
  if (order.type === 'stop') {
    generator?.stop();
    const leave = (): void => {
      agent.destroy();
      report(true, () => process.disconnect());
    };
    if (underWay === 0) leave();
    else whenIdle = leave;
  }
}

process.on('message', obey);
// It ends with the suite.
process.once('disconnect', () => process.exit());
