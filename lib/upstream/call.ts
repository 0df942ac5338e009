import type { AttemptFailure, AttemptOutcome, ResponseHead } from '../core/attempt.js';
import { breakOff } from '../core/break-off.js';
import { afterCut } from '../core/cut-call.js';
import { DIRECT, type Egress } from '../core/egress.js';
import { ProxyError, shuttingDown } from '../core/errors.js';
import type { Exchange, Permit } from '../core/exchange.js';
import { isWritten } from '../core/is-written.js';
import { type AttemptOwner, AttemptRun } from './attempt-run.js';
import type { CallTools, DrivenAttempt } from './call-tools.js';
import { compareFailure, goesElsewhere, mayResend, NONE } from './elsewhere.js';
import { noConnection, readFailure } from './failure.js';
import { mayFail, nextDelayMs } from './next-delay.js';
import { replaced } from './request/headers.js';
import { TimeBudget } from './time-budget.js';
import type { Plan } from './transport.js';

/**
 * The attempt loop: sends attempts until one is accepted, asks the limits for a permit before each, and leaves the
 * decision to try again to the exchange's retry policy. A call whose first attempt is accepted creates no promise and
 * no timer.
 */
export class Call implements AttemptOwner {
  readonly exchange: Exchange;
  /** What the first attempt sends; the others differ from it by their egress proxy and what permits put in. */
  readonly #plan: Plan;
  readonly #tools: CallTools;
  readonly #settle: (error?: ProxyError) => void;
  readonly #budget: TimeBudget;
  #tried: Set<string> | undefined;
  #running: AttemptRun | undefined;
  #attemptsMade = 0;
  #freshTried = false;
  #lastError: ProxyError | undefined;
  /** The next attempt is one of those that `maxAttempts` bounds. */
  #counts = true;
  #settled = false;
  #backOff: NodeJS.Timeout | undefined;
  /** Set while async-retry drives: tells it how the attempt it waits for ended. */
  #driven: DrivenAttempt | undefined;
  #delayMs = 0;

  constructor(plan: Plan, tools: CallTools, settle: (error?: ProxyError) => void) {
    this.exchange = plan.exchange;
    this.#plan = plan;
    this.#tools = tools;
    this.#settle = settle;
    this.#budget = new TimeBudget(plan.exchange, tools.requestTimeoutMs);
  }

  start(): void {
    this.exchange.onAbandon(() => this.#stop());
    this.#begin();
  }

  #begin(): void {
    if (this.#settled) return;
    const { exchange } = this;
    const { attempts, egress } = exchange;
    const now = performance.now();
    if (!this.#budget.suffices(now)) return this.#end(this.#tooLate());
    const run = new AttemptRun(attempts.length + 1, now, this.#tools, this);
    this.#running = run;
    if (!egress) return this.#admit(run, this.#plan, 0);
    let choice: ReturnType<typeof egress.choose>;
    try {
      choice = egress.choose(exchange, this.#tried ?? NONE, this.#plan.target);
    } catch (error) {
      return this.#refused(run, readFailure(error).error);
    }
    if (!(choice instanceof Promise)) return this.#through(run, choice);
    this.#wait();
    choice.then(
      (late) => {
        this.#tools.waiting.delete(this);
        run.startNow();
        this.#through(run, late);
      },
      (error: unknown) => this.#refused(run, readFailure(error).error),
    );
  }

  #through(run: AttemptRun, way: Egress | typeof DIRECT | ProxyError): void {
    if (this.#settled) return run.cancel();
    if (way instanceof ProxyError) return this.#refused(run, way);
    if (way === DIRECT) return this.#admit(run, { ...this.#plan, direct: true }, 0);
    run.goesThrough(way);
    this.#admit(run, { ...this.#plan, egress: way }, 0);
  }

  /** Asks the limits in turn; goes on at once where none of them has to wait. */
  #admit(run: AttemptRun, plan: Plan, from: number): void {
    const { limits } = this.exchange;
    for (let i = from; i < limits.length; i++) {
      let response: ReturnType<NonNullable<(typeof limits)[number]['admit']>>;
      try {
        response = limits[i]?.admit?.(run, this.exchange);
      } catch (error) {
        return this.#refused(run, readFailure(error).error);
      }
      if (response instanceof Promise) {
        this.#wait();
        response.then(
          (late) => {
            this.#tools.waiting.delete(this);
            run.startNow();
            if (this.#takes(run, late)) this.#admit(run, plan, i + 1);
          },
          (error: unknown) => this.#refused(run, readFailure(error).error),
        );
        return;
      }
      if (!this.#takes(run, response)) return;
    }
    this.#send(run, plan);
  }

  /** From here on it can be ended from outside; where all is closed it ends at once, since nobody would end it later. */
  #wait(): void {
    if (this.#settled) return;
    if (this.#tools.isClosed()) this.#stop(shuttingDown());
    else this.#tools.waiting.add(this);
  }

  /** @returns whether the next limit is to be asked */
  #takes(run: AttemptRun, response: Permit | ProxyError | undefined): boolean {
    if (response instanceof ProxyError) {
      this.#refused(run, response);
      return false;
    }
    // Its client has left meanwhile: what was given is given back.
    if (this.#settled && response) {
      run.lateEnd(response);
      return false;
    }
    if (response) run.hold(response);
    return !this.#settled;
  }

  /** The permits that it has hear that it was never sent. */
  #refused(run: AttemptRun, error: ProxyError): void {
    // One that was over when it began to wait has not been taken out by its end.
    this.#tools.waiting.delete(this);
    run.conclude({ kind: 'unused' });
    this.#end(error);
  }

  #send(run: AttemptRun, plan: Plan): void {
    if (!this.#budget.suffices(run.startedAt)) return this.#refused(run, this.#tooLate());
    this.exchange.attempts.push(run);
    if (this.#counts) this.#attemptsMade++;
    this.#counts = true;
    try {
      const own = run.sending(plan);
      // A target returns to the client what it receives by TRACE: nothing is added to it.
      const sent =
        own && plan.method !== 'TRACE' ? { ...plan, rawHeaders: replaced(plan.rawHeaders, own) } : plan;
      run.start(this.#tools.send, sent, this.#budget);
    } catch (error) {
      run.failed(error);
    }
  }

  /** Waits have left no time for an attempt: what the last one failed with is passed on, if there was one. */
  #tooLate(): ProxyError {
    return this.#lastError ?? noConnection('Nothing was sent: the time of the call was used up by waiting');
  }

  /** Judges the head of a response. */
  head(run: AttemptRun, head: ResponseHead): boolean {
    if (
      this.exchange.egress?.refused &&
      !this.#settled &&
      goesElsewhere(this.#plan, head, this.#tried ?? NONE, this.#budget)
    ) {
      run.conclude({ kind: 'discarded' });
      this.#freshTried = false;
      this.#beginUncounted();
      return false;
    }
    const delayMs = mayFail(head, run.outcome) ? this.#delayAfter(run.outcome) : undefined;
    if (delayMs !== undefined) {
      run.conclude({ kind: 'discarded' });
      this.#again(delayMs);
      return false;
    }
    // A listener of a limit or of the policy may have ended the call.
    if (this.#settled) return false;
    run.accepted = true;
    this.exchange.respondedAt = run.startedAt + run.durationMs;
    this.#tools.logResponse?.(this.#plan, head.status);
    this.#driven?.accepted();
    return true;
  }

  /** Decides what follows a failed attempt. */
  failed(run: AttemptRun, failure: AttemptFailure): void {
    const own = this.#freshTried ? { ...failure, staleConnection: false } : failure;
    const told = own.by === 'egress' && run.egress !== undefined ? this.#compared(run.egress, own) : own;
    run.conclude(told ?? own);
    this.#lastError = (told ?? own).error;
    if (this.#settled) return;
    // An egress proxy that fails costs none of the attempts: the next one is tried at once.
    if (!told) return this.#beginUncounted();
    const log = (): void => this.#tools.logCut?.(this.#plan, told.error);
    if (run.accepted) return this.#end(afterCut(this.exchange, told.error, log));
    // No other is to be tried, and waiting for it helps nobody.
    if (told.by === 'egress') return this.#end(told.error);
    if (told.staleConnection && mayResend(this.#plan)) {
      this.#freshTried = true;
      return this.#beginUncounted();
    }
    const delayMs = this.#delayAfter(told);
    if (delayMs === undefined) this.#end(told.error);
    else this.#again(delayMs);
  }

  finished(): void {
    this.#end();
  }

  /** What a failure means beside other egress proxies'; `undefined` if another is tried. A retry begins anew. */
  #compared(failed: string, failure: AttemptFailure): AttemptFailure | undefined {
    this.#tried = (this.#tried ?? new Set<string>()).add(failed);
    const compared = compareFailure(this.#plan, failure, this.#tried, this.#budget);
    if (compared) this.#tried = undefined;
    return compared;
  }

  /** Begins an attempt that is none of those that `maxAttempts` bounds. */
  #beginUncounted(): void {
    this.#counts = false;
    this.#begin();
  }

  #delayAfter(outcome: AttemptOutcome): number | undefined {
    return nextDelayMs(this.#plan, outcome, {
      attemptsMade: this.#attemptsMade,
      elapsedMs: this.#budget.elapsedMs(performance.now()),
      leastMs: this.#budget.leastMs,
      tried: this.#tried ?? NONE,
    });
  }

  #again(delayMs: number): void {
    this.#running = undefined;
    this.#freshTried = false;
    this.#delayMs = delayMs;
    // From here on, not from the begin of the wait: the driver comes back a little later.
    this.#wait();
    if (this.#settled) return;
    if (this.#driven) return this.#driven.failed(new Error('The attempt was not accepted'));
    this.exchange.retry
      ?.drive((giveUp) => this.#drivenAttempt(giveUp))
      .catch((error: unknown) => this.#end(readFailure(error).error));
  }

  #drivenAttempt(giveUp: (error: Error) => void): Promise<void> {
    return new Promise((accepted, failed) => {
      if (this.#settled) return giveUp(new Error('The call has ended'));
      this.#driven = { accepted, failed, giveUp };
      this.#backOff = setTimeout(() => {
        this.#tools.waiting.delete(this);
        this.#begin();
      }, this.#delayMs).unref();
    });
  }

  /** Ends the call from outside: something that belongs to it has failed, or all is closed. */
  fail(error: ProxyError): void {
    if (this.#settled) return;
    const { res } = this.exchange;
    this.#stop(res.headersSent ? undefined : error);
    if (res.headersSent) breakOff(res);
  }

  #stop(error?: ProxyError): void {
    if (this.#settled) return;
    // Before the attempt's permits hear of it, so that what they do finds a call that is over.
    this.#settled = true;
    // Its client has got everything: what the target's connection still does is not waited for.
    if (this.#running?.accepted && isWritten(this.exchange.res)) this.#running.conclude({ kind: 'complete' });
    else this.#running?.cancel();
    this.#over(error);
  }

  #end(error?: ProxyError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#over(error);
  }

  #over(error: ProxyError | undefined): void {
    clearTimeout(this.#backOff);
    this.#tools.waiting.delete(this);
    this.#driven?.giveUp(error ?? new Error('The call has ended'));
    this.#plan.body?.close();
    if (error) this.exchange.error = error;
    this.#settle(error);
  }
}
