import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import { realTime, type StopTimer, type Time } from '../core/time.js';
import type { Hub } from '../workers/hub.js';
import type { ConfigSource } from './config-source.js';
import type { ListenPlace } from './listen.js';
import type { ProgramLog } from './logger.js';
import { isNodeOptionGiven } from './node-option.js';
import { passLines } from './worker-lines.js';

/** What a worker is told when it starts. */
export interface WorkerStart {
  readonly source: ConfigSource;
  /** Where all of them listen. */
  readonly place: ListenPlace;
}

export interface PoolOptions {
  readonly count: number;
  readonly hub: Hub;
  readonly log: Pick<ProgramLog, 'logger' | 'pass'>;
  /** What a worker that starts now is told. */
  start(): WorkerStart;
  /** How long a worker may take to leave. */
  leaveWithinMs(): number;
  /** Called when all have ended, and with them the socket, if it cannot be opened again; else they are replaced. */
  lost?: (() => void) | undefined;
}

/** Tells a process that a pool has started it. */
export const WORKER_VARIABLE = 'RESILIENT_PROXY_WORKER';

/** One that has lived for so long has not failed at its start. */
const STEADY_AFTER_MS = 10_000;
const STAYING_MS = 3_600_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

interface Member {
  readonly worker: Worker;
  readonly startedAt: number;
  /** Resolves with its URL once it listens, with `undefined` if it ends before. */
  readonly ready: Promise<string | undefined>;
  readonly ended: Promise<void>;
  state: 'starting' | 'serving' | 'leaving';
  /** It has asked what to do: what it was told before is lost. */
  hears: boolean;
  failure: string | undefined;
  serves(url: string | undefined): void;
  ends(): void;
}

/**
 * V8 has four threads in each process for its garbage and its compiler. Those of several workers together would keep the
 * calls of all of them from the cores: with them a collection is felt as 100 ms by calls that take 10.
 */
function helperThreads(workers: number): string[] {
  if (isNodeOptionGiven('v8-pool-size')) return [];
  const each = Math.floor(availableParallelism() / workers);
  return each < 4 ? [`--v8-pool-size=${Math.max(1, each)}`] : [];
}

/** The workers: as many as are wanted are kept running. */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #time: Time;
  readonly #members = new Map<number, Member>();
  readonly #pauses = new Set<StopTimer>();
  #closing = false;
  /** Between two workers nothing else keeps this process running. */
  #staying: NodeJS.Timeout | undefined;
  #rolling: Promise<void> | undefined;
  /** All have listened once: from then on those that end are replaced. */
  #started = false;
  /** Workers that ended one after another soon after their start. */
  #crashes = 0;

  /** @param time for tests */
  constructor(options: PoolOptions, time: Time = realTime) {
    this.#options = options;
    this.#time = time;
    const { hub } = options;
    // Their lines are written by this process.
    cluster.setupPrimary({
      serialization: 'advanced',
      stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
      execArgv: [...process.execArgv, ...helperThreads(options.count)],
    });
    hub.handle('worker:start', (_message, from) => {
      const member = this.#members.get(from);
      if (member) member.hears = true;
      return options.start();
    });
    hub.handle('worker:ready', (url, from) => this.#ready(from, String(url)));
    hub.handle('worker:failed', (message, from) => {
      const member = this.#members.get(from);
      if (member) member.failure = String(message);
      return true;
    });
    hub.handle('worker:left', () => true);
    hub.handle('worker:leaving', (_message, from) => this.#leaving(from));
  }

  /** Starts them. @returns the URL once all of them listen @throws an error if one cannot */
  async start(): Promise<string> {
    this.#staying = setInterval(() => {}, STAYING_MS);
    const members = Array.from({ length: this.#options.count }, () => this.#fork());
    const urls = await Promise.all(members.map(({ ready }) => ready));
    const [url] = urls;
    if (url !== undefined && urls.every((one) => one !== undefined)) {
      this.#started = true;
      return url;
    }
    const failure = members.find(({ failure }) => failure !== undefined)?.failure;
    throw new Error(failure ?? 'a worker ended before it listened; see the log');
  }

  /** Those that serve now. */
  serving(): Worker[] {
    return [...this.#members.values()].flatMap(({ state, worker }) => (state === 'serving' ? [worker] : []));
  }

  /** Has every worker load another configuration. */
  reload(source: ConfigSource): void {
    this.#options.hub.tellAll('worker:reload', source);
  }

  /** Starts a new worker for each one that there is, and ends the old one when the new one serves. */
  roll(): Promise<void> {
    if (this.#rolling !== undefined)
      this.#options.log.logger.warn('the workers are being replaced already: nothing was done');
    this.#rolling ??= this.#roll().finally(() => {
      this.#rolling = undefined;
    });
    return this.#rolling;
  }

  /** Ends all of them, each behind its calls in progress; those that take too long are killed. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const stop of this.#pauses) stop();
    // One that does not listen to its channel yet has no calls either.
    for (const { worker, hears } of this.#members.values()) if (!hears) worker.process.kill('SIGKILL');
    this.#options.hub.tellAll('close');
    const stop = this.#time.after(this.#options.leaveWithinMs(), () => {
      for (const { worker } of this.#members.values()) this.#killLate(worker);
    });
    await Promise.all([...this.#members.values()].map(({ ended }) => ended));
    stop();
    clearInterval(this.#staying);
  }

  /** Ends all of them at once. */
  kill(): void {
    this.#closing = true;
    for (const { worker } of this.#members.values()) worker.process.kill('SIGKILL');
  }

  async #roll(): Promise<void> {
    const { hub, log } = this.#options;
    const { logger } = log;
    const old = [...this.#members.values()].filter(({ state }) => state !== 'leaving');
    logger.info({ workers: old.length }, 'replacing the workers one by one');
    for (const member of old) {
      if (this.#closing) return;
      if (this.#isReplaced(member)) continue;
      const next = this.#fork();
      if ((await next.ready) === undefined) {
        if (this.#closing) return;
        logger.error('a new worker did not start: the others stay');
        return;
      }
      if (this.#isReplaced(member)) continue;
      member.state = 'leaving';
      // Another may have ended while there was one more.
      if (this.#lacksOne()) this.#fork();
      hub.tellOne(member.worker.id, 'close');
      // One that hangs must not keep the others from being replaced.
      const stop = this.#time.after(this.#options.leaveWithinMs(), () => this.#killLate(member.worker));
      await member.ended;
      stop();
    }
    if (!this.#closing) logger.info({ workers: old.length }, 'the workers were replaced');
  }

  /** Whether it has ended or is leaving, so that another one is in its place. */
  #isReplaced({ state, worker }: Member): boolean {
    return state === 'leaving' || !this.#members.has(worker.id);
  }

  #killLate({ process: { pid }, process: child }: Worker): void {
    this.#options.log.logger.warn({ worker: pid }, 'a worker did not end in its time and is killed');
    child.kill('SIGKILL');
  }

  #fork(): Member {
    const worker = cluster.fork({ [WORKER_VARIABLE]: '1' });
    let serves = (_url: string | undefined): void => {};
    let ends = (): void => {};
    const member: Member = {
      worker,
      startedAt: this.#time.steady(),
      ready: new Promise((resolve) => {
        serves = resolve;
      }),
      ended: new Promise((resolve) => {
        ends = resolve;
      }),
      state: 'starting',
      hears: false,
      failure: undefined,
      serves: (url) => serves(url),
      ends: () => ends(),
    };
    this.#members.set(worker.id, member);
    this.#options.hub.add(worker);
    worker.on('error', () => {});
    const { stderr } = worker.process;
    if (stderr) passLines(stderr, this.#options.log.pass);
    // When all that it has written is there, too.
    worker.process.once('close', () => member.ends());
    worker.once('exit', (code: number | null, signal: string | null) => this.#ended(member, code, signal));
    return member;
  }

  #ready(id: number, url: string): void {
    const member = this.#members.get(id);
    if (!member) return;
    if (member.state === 'starting') member.state = 'serving';
    member.serves(url);
    this.#options.log.logger.debug({ worker: member.worker.process.pid }, 'a worker serves');
  }

  /** It was asked by a signal of its own. */
  #leaving(id: number): void {
    const member = this.#members.get(id);
    if (!member || member.state === 'leaving' || this.#closing) return;
    member.state = 'leaving';
    this.#options.log.logger.info(
      { worker: member.worker.process.pid },
      'a worker is leaving and is replaced',
    );
    if (this.#lacksOne()) this.#fork();
  }

  /** Whether fewer than wanted serve or will; while one is to come in the place of another, there is one more. */
  #lacksOne(): boolean {
    const staying = [...this.#members.values()].filter(({ state }) => state !== 'leaving');
    return staying.length + this.#pauses.size < this.#options.count;
  }

  #ended(member: Member, code: number | null, signal: string | null): void {
    const { hub, log, lost } = this.#options;
    const { logger } = log;
    const { worker, startedAt, state, failure } = member;
    this.#members.delete(worker.id);
    hub.remove(worker.id);
    member.serves(undefined);
    if (this.#closing || state === 'leaving') return;
    // At the start, the program ends.
    if (state === 'starting' && !this.#started) return;
    // Node closes the socket with the last worker that listens on it.
    if (this.#members.size === 0 && lost) return lost();
    const livedMs = this.#time.steady() - startedAt;
    this.#crashes = livedMs < STEADY_AFTER_MS ? this.#crashes + 1 : 0;
    const by = signal === null ? `with code ${code}` : `by ${signal}`;
    const what = failure === undefined ? `a worker ended ${by}` : `a worker could not start: ${failure}`;
    const told = { worker: worker.process.pid, code, signal, livedMs: Math.round(livedMs) };
    if (!this.#lacksOne()) {
      logger.error(told, what);
      return;
    }
    // The first one that ends is replaced at once.
    const pauseMs =
      this.#crashes < 2 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#crashes - 2));
    const when = pauseMs === 0 ? 'at once' : `in ${pauseMs / 1000} s, since several have ended so early`;
    logger.error({ ...told, pauseMs }, `${what}; another one starts ${when}`);
    this.#forkAfter(pauseMs);
  }

  #forkAfter(pauseMs: number): void {
    if (pauseMs === 0) return void this.#fork();
    const stop = this.#time.after(pauseMs, () => {
      this.#pauses.delete(stop);
      this.#fork();
    });
    this.#pauses.add(stop);
  }
}
