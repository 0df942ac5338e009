import type { Egress } from '../core/egress.js';
import { ProxyError } from '../core/errors.js';
import type { Attempt, AttemptOutcome, Exchange, ResponseHead } from '../core/exchange.js';
import { type AttemptOwner, AttemptRun } from './attempt-run.js';
import type { DeadlineWheel } from './deadline-wheel.js';
import { readFailure } from './failure.js';
import type { Transport, UpstreamRequest } from './transport.js';

/** What a call needs of the `forward()` that runs it. */
export interface CallTools {
  readonly send: Transport;
  readonly wheel: DeadlineWheel;
  /** Bound on one attempt up to its head, where no breaker sets one; 0 is none. */
  readonly requestTimeoutMs: number;
  /** Told of each answer that is passed on. */
  readonly answered: ((request: UpstreamRequest, status: number) => void) | undefined;
}

const NONE: ReadonlySet<string> = new Set();

/** RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * The attempt loop: sends attempts until one is accepted, asks the guards around each, and leaves the
 * decision to try again to the exchange's retry policy. A call whose first attempt is accepted creates
 * no promise and no timer.
 */
export class Call implements AttemptOwner {
  readonly #request: UpstreamRequest;
  readonly #tools: CallTools;
  readonly #settle: (error?: ProxyError) => void;
  #tried: Set<string> | undefined;
  #running: AttemptRun | undefined;
  #attemptsMade = 0;
  #freshTried = false;
  /** The next attempt is one of those that `maxAttempts` bounds. */
  #counts = true;
  #settled = false;
  #backOff: NodeJS.Timeout | undefined;
  /** Set while async-retry drives: tells it how the attempt it waits for ended. */
  #driven:
    | { accepted: () => void; failed: (error: Error) => void; giveUp: (error: Error) => void }
    | undefined;
  #delayMs = 0;

  constructor(request: UpstreamRequest, tools: CallTools, settle: (error?: ProxyError) => void) {
    this.#request = request;
    this.#tools = tools;
    this.#settle = settle;
  }

  start(): void {
    this.#exchange.onAbandon(() => this.#stop());
    this.#begin();
  }

  get #exchange(): Exchange {
    return this.#request.exchange;
  }

  #begin(): void {
    if (this.#settled) return;
    const exchange = this.#exchange;
    const attempt: Attempt = {
      number: exchange.attempts.length + 1,
      startedAt: performance.now(),
      durationMs: 0,
      waitedMs: 0,
      egress: undefined,
      outcome: undefined,
    };
    const choice = exchange.egress?.choose(exchange, this.#tried ?? NONE, this.#request.target);
    if (choice instanceof Promise)
      choice.then((egress) => this.#through(startingNow(attempt), egress)).catch(this.#crash);
    else this.#through(attempt, choice);
  }

  #through(attempt: Attempt, egress: Egress | undefined | ProxyError): void {
    if (egress instanceof ProxyError) return this.#end(egress);
    attempt.egress = egress?.name;
    this.#ask(attempt, egress, 0);
  }

  /** Asks the guards in turn; goes on at once where none of them has to wait. */
  #ask(attempt: Attempt, egress: Egress | undefined, from: number): void {
    const { guards } = this.#exchange;
    for (let i = from; i < guards.length; i++) {
      const veto = guards[i]?.before?.(attempt, this.#exchange);
      if (veto === undefined) continue;
      if (!(veto instanceof Promise)) return this.#vetoed(attempt, veto, i);
      veto
        .then((late) =>
          late ? this.#vetoed(attempt, late, i) : this.#ask(startingNow(attempt), egress, i + 1),
        )
        .catch((error: unknown) => this.#vetoed(attempt, readFailure(error).error, i));
      return;
    }
    if (this.#settled) return this.#told(attempt, { kind: 'abandoned' }, guards.length);
    this.#send(attempt, egress);
  }

  /** Guards in front of the one that said no have counted this attempt and learn that it was none. */
  #vetoed(attempt: Attempt, veto: ProxyError, by: number): void {
    this.#told(attempt, { kind: 'abandoned' }, by);
    this.#end(veto);
  }

  #told(attempt: Attempt, outcome: AttemptOutcome, upTo: number): void {
    attempt.outcome = outcome;
    const { guards } = this.#exchange;
    for (let i = 0; i < upTo; i++) guards[i]?.after?.(attempt, this.#exchange);
  }

  #send(attempt: Attempt, egress: Egress | undefined): void {
    const exchange = this.#exchange;
    exchange.attempts.push(attempt);
    if (this.#counts) this.#attemptsMade++;
    this.#counts = true;
    const timeoutMs = this.#timeLeft();
    const run = new AttemptRun(attempt, timeoutMs, this.#tools.wheel, this);
    this.#running = run;
    run.start(this.#tools.send, this.#request, egress);
  }

  /** Milliseconds this attempt has up to its head; 0 is no limit. */
  #timeLeft(): number {
    const { attemptTimeoutMs = this.#tools.requestTimeoutMs, retry } = this.#exchange;
    if (!retry) return attemptTimeoutMs;
    const left = Math.max(1, retry.totalTimeoutMs - this.#elapsed());
    return attemptTimeoutMs === 0 ? left : Math.min(attemptTimeoutMs, left);
  }

  #elapsed(): number {
    return performance.now() - this.#exchange.startedAt;
  }

  /** Judges the head of an answer. */
  head(run: AttemptRun, head: ResponseHead): boolean {
    const outcome = { kind: 'answer', head } as const;
    this.#told(run.attempt, outcome, this.#exchange.guards.length);
    const delayMs = this.#delayAfter(outcome);
    if (delayMs !== undefined) {
      this.#again(delayMs);
      return false;
    }
    run.accepted = true;
    this.#tools.answered?.(this.#request, head.status);
    this.#driven?.accepted();
    return true;
  }

  /** Decides what follows a failed attempt. */
  failed(run: AttemptRun, outcome: AttemptOutcome & { kind: 'failure' }): void {
    const { guards, res } = this.#exchange;
    if (run.accepted) {
      for (const guard of guards) guard.cut?.(run.attempt, this.#exchange, outcome.error);
      this.#end(res.headersSent ? undefined : outcome.error);
      return;
    }
    const told = this.#freshTried ? { ...outcome, staleConnection: false } : outcome;
    this.#told(run.attempt, told, guards.length);
    const { egress } = run.attempt;
    if (this.#exchange.egress && outcome.error.code === 'ERR_PROXY_CONNECT' && egress !== undefined) {
      return this.#throughAnother(egress, outcome.error);
    }
    if (told.staleConnection && this.#mayResend()) {
      this.#freshTried = true;
      this.#counts = false;
      return this.#begin();
    }
    const delayMs = this.#delayAfter(outcome);
    if (delayMs === undefined) this.#end(outcome.error);
    else this.#again(delayMs);
  }

  finished(): void {
    this.#end();
  }

  /** An exit that fails costs none of the attempts: the next one is tried at once. */
  #throughAnother(failed: string, error: ProxyError): void {
    const { retry } = this.#exchange;
    const late = retry !== undefined && this.#elapsed() >= retry.totalTimeoutMs;
    if (late || !(this.#request.body?.replayable ?? true)) return this.#end(error);
    this.#tried ??= new Set();
    this.#tried.add(failed);
    this.#counts = false;
    this.#begin();
  }

  #mayResend(): boolean {
    const { method, body } = this.#request;
    const repeatable = IDEMPOTENT.has(method) || this.#exchange.idempotencyKey !== undefined;
    return repeatable && (body?.replayable ?? true);
  }

  #delayAfter(outcome: AttemptOutcome): number | undefined {
    const exchange = this.#exchange;
    if (!exchange.retry || exchange.abandoned) return undefined;
    if (outcome.kind === 'answer' && outcome.head.status < 400) return undefined;
    if (exchange.guards.some((guard) => guard.blocks?.(exchange))) return undefined;
    return exchange.retry.delayAfter(outcome, {
      exchange,
      method: this.#request.method,
      attemptsMade: this.#attemptsMade,
      elapsedMs: this.#elapsed(),
      replayable: this.#request.body?.replayable ?? true,
      keyed: exchange.idempotencyKey !== undefined,
    });
  }

  #again(delayMs: number): void {
    this.#running = undefined;
    this.#freshTried = false;
    this.#delayMs = delayMs;
    if (this.#driven) return this.#driven.failed(new Error('The attempt was not accepted'));
    const { retry } = this.#exchange;
    retry
      ?.drive((giveUp) => this.#drivenAttempt(giveUp))
      .catch((error: unknown) => this.#end(readFailure(error).error));
  }

  #drivenAttempt(giveUp: (error: Error) => void): Promise<void> {
    return new Promise((accepted, failed) => {
      this.#driven = { accepted, failed, giveUp };
      this.#backOff = setTimeout(() => this.#begin(), this.#delayMs);
      this.#backOff.unref();
    });
  }

  /** Ends the call from outside: something that belongs to it has failed. */
  fail(error: ProxyError): void {
    if (this.#settled) return;
    const { res } = this.#exchange;
    this.#stop(res.headersSent ? undefined : error);
    if (res.headersSent) res.destroy();
  }

  #stop(error?: ProxyError): void {
    if (this.#settled) return;
    const run = this.#running;
    run?.cancel();
    if (run && !run.accepted) this.#told(run.attempt, { kind: 'abandoned' }, this.#exchange.guards.length);
    this.#end(error);
  }

  #end(error?: ProxyError): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#backOff);
    this.#driven?.giveUp(error ?? new Error('The call has ended'));
    this.#request.body?.close();
    if (error) this.#exchange.error = error;
    this.#settle(error);
  }

  readonly #crash = (error: unknown): void => this.#end(readFailure(error).error);
}

/** What it has waited for is not the target's: its limits and its duration begin afterwards. */
function startingNow(attempt: Attempt): Attempt {
  const now = performance.now();
  attempt.waitedMs += now - attempt.startedAt;
  attempt.startedAt = now;
  return attempt;
}
