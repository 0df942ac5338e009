import { Agent, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Attempt, ResponseHead } from '../../../lib/core/attempt.js';
import type { Egress, EgressPolicy } from '../../../lib/core/egress.js';
import { type ErrorCode, ProxyError } from '../../../lib/core/errors.js';
import type { Limit, Permit, RetryPolicy } from '../../../lib/core/exchange.js';
import { Exchange } from '../../../lib/core/exchange.js';
import type { PhaseLimits } from '../../../lib/upstream/attempt-clock.js';
import { Call } from '../../../lib/upstream/call.js';
import type { CallTools, WaitingCall } from '../../../lib/upstream/call-tools.js';
import { type Deadline, DeadlineWheel } from '../../../lib/upstream/deadline-wheel.js';
import type { RequestBody, Upload } from '../../../lib/upstream/request/body-rules.js';
import type { AttemptListener, Plan, Transport } from '../../../lib/upstream/transport.js';

/** A wheel that turns when it is told to. */
export class ToyWheel extends DeadlineWheel {
  readonly watched = new Set<Deadline>();

  override watch(deadline: Deadline): void {
    this.watched.add(deadline);
    deadline.slot = this.watched.size;
  }

  override forget(deadline: Deadline): void {
    if (deadline.slot < 0) return;
    // The real one would forget another in its place.
    if (!this.watched.delete(deadline)) throw new Error('It was not watched');
    deadline.slot = -1;
  }

  /** The time is up for all that it watches. */
  expireAll(): void {
    for (const deadline of [...this.watched]) {
      if (!this.watched.delete(deadline)) continue;
      deadline.slot = -1;
      deadline.expire();
    }
  }
}

/** One attempt as a transport has it. */
export interface Sent {
  readonly plan: Plan;
  readonly listener: AttemptListener;
  /** How often its transport was told that nobody waits for it. */
  cancels: number;
  /** What it says to have received of the response's body. */
  received: number;
}

/** What a scene may set up; without anything a GET is sent at once, and an error ends it. */
export interface SceneOptions {
  readonly method?: string | undefined;
  readonly limits?: readonly Limit[] | undefined;
  readonly egress?: EgressPolicy | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly body?: { readonly replayable: boolean; readonly upload?: Upload } | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly attemptTimeoutMs?: number | undefined;
  readonly phases?: Partial<PhaseLimits> | undefined;
  /** What the transport does while it is asked to send. */
  readonly sending?: ((sent: Sent) => void) | undefined;
  /** What it does when it is told that nobody waits. */
  readonly cancelled?: ((sent: Sent) => void) | undefined;
  /** What it does when it is told to end with a failure. */
  readonly stopped?: ((sent: Sent) => void) | undefined;
  readonly logResponse?: CallTools['logResponse'] | undefined;
}

/** A call without sockets: its transport keeps what it is to send, and tells what the test says. */
export class Scene {
  readonly exchange: Exchange;
  readonly call: Call;
  readonly wheel = new ToyWheel();
  readonly waiting = new Set<WaitingCall>();
  /** All is closed. */
  closed = false;
  readonly sent: Sent[] = [];
  /** What the call has ended with, each time it was told. */
  readonly settled: (ProxyError | undefined)[] = [];
  bodyCloses = 0;
  readonly #options: SceneOptions;

  constructor(options: SceneOptions = {}) {
    this.#options = options;
    const { limits = [], egress, retry, attemptTimeoutMs, requestTimeoutMs = 0, logResponse } = options;
    this.exchange = begun();
    this.exchange.limits.push(...limits);
    this.exchange.egress = egress;
    this.exchange.retry = retry;
    this.exchange.attemptTimeoutMs = attemptTimeoutMs;
    const { wheel, waiting } = this;
    const isClosed = () => this.closed;
    const phases = { ...NO_LIMITS, ...options.phases };
    const tools = {
      send: this.#send,
      wheel,
      limits: phases,
      requestTimeoutMs,
      logResponse,
      waiting,
      isClosed,
    };
    this.call = new Call(this.#plan(), tools, (error) => this.settled.push(error));
  }

  /** Begins the call. */
  start(): this {
    this.call.start();
    return this;
  }

  /** The last of the attempts that were sent. */
  get last(): Sent {
    const last = this.sent.at(-1);
    if (!last) throw new Error('Nothing was sent');
    return last;
  }

  /** Its client leaves. */
  leave(): void {
    this.exchange.res.emit('close');
  }

  /** The head of the response has gone to the client. */
  sendHead(): void {
    Object.defineProperty(this.exchange.res, 'headersSent', { value: true });
  }

  /** The client has got everything. */
  sendAll(): void {
    this.sendHead();
    Object.defineProperties(this.exchange.res, {
      writableEnded: { value: true },
      writableFinished: { value: true },
    });
  }

  readonly #send: Transport = (plan, listener) => {
    const sent: Sent = { plan, listener, cancels: 0, received: 0 };
    this.sent.push(sent);
    this.#options.sending?.(sent);
    return {
      get received() {
        return sent.received;
      },
      stop: (reason) => {
        this.#options.stopped?.(sent);
        listener.failed(reason);
      },
      cancel: () => {
        sent.cancels++;
        this.#options.cancelled?.(sent);
      },
    };
  };

  #plan(): Plan {
    const { method = 'GET', egress, body } = this.#options;
    return {
      exchange: this.exchange,
      target: TARGET,
      method,
      path: '/path',
      rawHeaders: ['Host', 'api.test', 'Accept', '*/*'],
      body: body && this.#body(body),
      transport: 'undici',
      proxyOptions: {},
      egress: undefined,
      direct: egress === undefined,
    };
  }

  #body({ replayable, upload }: NonNullable<SceneOptions['body']>): RequestBody {
    const content = Buffer.from('body');
    const close = (): void => {
      this.bodyCloses++;
    };
    return { open: () => content, release: () => {}, upload, replayable, copyTo: () => {}, close };
  }
}

const NEVER = Number.POSITIVE_INFINITY;
const NO_LIMITS: PhaseLimits = {
  queueMs: undefined,
  connectMs: undefined,
  uploadMs: NEVER,
  minBodyRate: 0,
  bodyMs: NEVER,
  streamIdleMs: NEVER,
};

export const TARGET = {
  origin: 'http://api.test',
  host: 'api.test',
  servername: 'api.test',
  basePath: '',
  search: '',
  auth: undefined,
};

function begun(): Exchange {
  const req = new IncomingMessage(new Socket());
  return new Exchange(req, new ServerResponse(req));
}

/** A way out that opens nothing. */
export function way(name: string, more: Partial<Egress> = {}): Egress {
  const connect = () => Promise.reject(new Error('There are no sockets here'));
  return { name, connect, agent: new Agent(), ...more };
}

export const head = (status: number, ...rawHeaders: string[]): ResponseHead => ({
  status,
  statusText: '',
  rawHeaders,
});

/** What a transport tells of a socket that failed so. */
export const socketError = (code: string): Error => Object.assign(new Error(code), { code });

export const proxyError = (code: ErrorCode): ProxyError => new ProxyError(code, `${code} happened`);

/** What a permit has heard of an attempt. */
export type Heard = readonly [event: 'sending' | 'head' | 'end', attempt: number, how?: string | undefined];

/** Admits each attempt, and keeps what it hears of it. */
export class Recorder implements Limit, Permit {
  readonly heard: Heard[] = [];

  admit(): Permit {
    return this;
  }

  sending({ number }: Attempt): undefined {
    this.heard.push(['sending', number]);
  }

  head({ number }: Attempt): void {
    this.heard.push(['head', number]);
  }

  end({ number, end }: Attempt): void {
    this.heard.push(['end', number, end?.kind]);
  }
}

/** Retries what is not accepted, a number of times, with a driver that has no timers of its own. */
export function retrying(retries: number, more: Partial<RetryPolicy> = {}): RetryPolicy {
  let left = retries;
  return {
    maxBodyBytes: 0,
    totalTimeoutMs: 60_000,
    resends: () => true,
    delayAfter: () => (left-- > 0 ? 10 : undefined),
    drive: (again) =>
      new Promise((resolve, reject) => {
        const run = (): void => void again(reject).then(resolve, run);
        run();
      }),
    ...more,
  };
}

/** Lets all that promises have to tell be told. */
export const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const codes = (errors: readonly (ProxyError | undefined)[]) => errors.map((error) => error?.code);

/** A promise, and its ends. */
export function later<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((...ends) => {
    [resolve, reject] = ends;
  });
  return { promise, resolve, reject };
}

/** Lets time pass in which nothing else happens. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
