import { write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import { LogBuffer } from './log-buffer.js';
import type { LogTarget } from './log-target.js';

/** How the writing of the log goes. */
export interface LogStatus {
  /** Lines that found no room or could not be written, since the start. */
  readonly droppedLines: number;
  /** Memory in which lines wait for being written. */
  readonly waitingBytes: number;
  /** Code of the error that the last write failed with, `slow reader` where lines wait; `null` where all is well. */
  readonly problem: string | null;
}

/** Lines that were dropped in one go, told once others can be written again. */
export interface DroppedLines {
  readonly dropped: number;
  /** As {@link LogStatus.problem}. */
  readonly problem: string;
}

export interface LogStreamOptions {
  /** Called once lines are written again. */
  recovered?(lines: DroppedLines): void;
  /** Memory in which lines wait. */
  maxBytes?: number | undefined;
}

const MAX_BYTES = 8 * 1024 * 1024;
/** A reader that is only a little late costs no throughput; one that has stopped costs ten looks a second. */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 100;
/** How long the exit waits for a reader that does not read, and for one that reads. */
const FLUSH_IDLE_MS = 200;
const FLUSH_MS = 2000;
/** What is written in one turn of the event loop, so that calls go on meanwhile. */
const TURN_BYTES = 256 * 1024;
const SLOW = 'slow reader';

/**
 * Writes log lines to a file descriptor and never holds a call up: not for a reader that has stopped, nor on a full
 * disk. Lines wait in memory, up to 8 MiB; what finds no room, or cannot be written, is dropped and counted. Not
 * pino's own destination: that one ends at every error but EPIPE, and at the exit it waits for a stopped reader for
 * ever.
 */
export class LogStream implements DestinationStream {
  readonly #target: LogTarget;
  readonly #recovered: ((lines: DroppedLines) => void) | undefined;
  readonly #waiting: LogBuffer;
  /** A turn that writes is to come, or a thread is writing. */
  #busy = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #droppedLines = 0;
  /** Of those the ones that the log has not told of. */
  #untold = 0;
  #problem: string | null = null;
  /** Why the lines were dropped that the log has not told of. */
  #reason = SLOW;
  /** The last line written has no end. */
  #torn = false;
  /** What was to follow it was dropped. */
  #endsLine = false;
  /** Bytes that a thread is writing. */
  #inFlight = 0;

  constructor(target: LogTarget, { recovered, maxBytes = MAX_BYTES }: LogStreamOptions = {}) {
    this.#target = target;
    this.#recovered = recovered;
    this.#waiting = new LogBuffer(maxBytes);
  }

  /** @param lines one or more whole lines */
  write(lines: string | Buffer): void {
    if (!this.#waiting.add(lines)) this.#dropped(countLines(lines), this.#problem ?? SLOW);
    else if (!this.#busy && !this.#retry) this.#writeSoon();
  }

  status(): LogStatus {
    return {
      droppedLines: this.#droppedLines,
      waitingBytes: this.#waiting.bytes,
      problem: this.#problem,
    };
  }

  /** Lines of one turn are written together. */
  #writeSoon(): void {
    this.#busy = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#busy = true;
    if (this.#target.blocks) this.#writeByThread();
    else this.#writeNow();
  }

  /** A write to this target returns at once, even if it fails. */
  #writeNow(): void {
    let budget = TURN_BYTES;
    for (let next = this.#chunk(); next; next = this.#chunk()) {
      if (budget <= 0) return this.#writeSoon();
      try {
        const bytes = writeSync(this.#target.fd, next);
        budget -= bytes;
        this.#wrote(next, bytes);
      } catch (error) {
        return this.#failed(codeOf(error));
      }
    }
    this.#busy = false;
  }

  #writeByThread(): void {
    const next = this.#chunk();
    if (!next) {
      this.#busy = false;
      return;
    }
    this.#inFlight = next.length;
    write(this.#target.fd, next, (error, bytes) => {
      // All was flushed meanwhile.
      const stale = this.#inFlight === 0;
      this.#inFlight = 0;
      if (error && !stale) return this.#failed(codeOf(error));
      if (!stale) this.#wrote(next, bytes);
      this.#writeByThread();
    });
  }

  #chunk(): Buffer | undefined {
    const next = this.#waiting.next();
    return next && this.#endsLine ? LINE_END : next;
  }

  #wrote(chunk: Buffer, bytes: number): void {
    this.#retryMs = FIRST_RETRY_MS;
    if (bytes > 0) this.#torn = chunk[bytes - 1] !== LINE_FEED;
    if (chunk === LINE_END) this.#endsLine = false;
    else this.#waiting.take(bytes);
    if (this.#problem !== null && this.#waiting.isHalfEmpty) this.#problem = null;
    if (this.#untold === 0 || this.#torn || !this.#waiting.isHalfEmpty) return;
    const dropped = this.#untold;
    this.#untold = 0;
    this.#recovered?.({ dropped, problem: this.#reason });
  }

  #failed(code: string): void {
    this.#busy = false;
    if (code === 'EAGAIN') {
      if (this.#retryMs >= LAST_RETRY_MS) this.#problem = SLOW;
      return this.#retryIn(this.#retryMs);
    }
    this.#problem = code;
    this.#endsLine = this.#torn;
    this.#dropped(this.#waiting.clear(), code);
    // What comes meanwhile is written in one go, or dropped in one go.
    this.#retryIn(LAST_RETRY_MS);
  }

  #dropped(lines: number, problem: string): void {
    this.#droppedLines += lines;
    this.#untold += lines;
    this.#reason = problem;
  }

  #retryIn(ms: number): void {
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#next();
    }, ms);
    this.#retry.unref();
  }

  /** Writes what is left, at the exit or before a crash; a reader that does not read is not waited for. */
  flushSync(): void {
    // What a thread is writing is written by it.
    if (this.#inFlight > 0 && !this.#endsLine) this.#waiting.take(this.#inFlight);
    this.#inFlight = 0;
    const begun = performance.now();
    let readAt = begun;
    for (let next = this.#chunk(); next; next = this.#chunk()) {
      const now = performance.now();
      try {
        this.#wrote(next, writeSync(this.#target.fd, next));
        readAt = now;
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN' || now > readAt + FLUSH_IDLE_MS || now > begun + FLUSH_MS) return;
        Atomics.wait(SLEEP, 0, 0, 5);
      }
    }
  }
}

const LINE_FEED = 0x0a;
const LINE_END = Buffer.of(LINE_FEED);
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

function countLines(lines: string | Buffer): number {
  let count = 0;
  for (let at = lines.indexOf('\n'); at >= 0; at = lines.indexOf('\n', at + 1)) count++;
  return count;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
