import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** A reader that is only a little late costs no throughput; one that has stopped costs ten looks a second. */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 100;
/** How long the last lines may take at the exit. */
const FLUSH_MS = 200;
const LINE_FEED = 0x0a;

/**
 * Writes log lines to a file descriptor and never holds a request up: not for a reader that has stopped, nor on a full
 * disk. Lines wait in memory, up to 4 MiB beside those being written; what finds no room, or cannot be written, is
 * dropped and counted.
 */
export class LogStream implements DestinationStream {
  readonly #fd: number;
  readonly #recovered: (dropped: number) => void;
  readonly #maxWaitingBytes: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** What is being written. */
  #chunk: Buffer = NOTHING;
  #writing = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #dropped = 0;
  /** The last line written has no end. */
  #torn = false;

  /** @param recovered called with the number of lines dropped, once lines are written again */
  constructor(fd: number, recovered: (dropped: number) => void, maxWaitingBytes = MAX_WAITING_BYTES) {
    this.#fd = fd;
    this.#recovered = recovered;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  write(line: string): void {
    if (this.#waitingBytes + line.length > this.#maxWaitingBytes) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#next();
  }

  #next(): void {
    if (this.#writing || this.#retry || !this.#take()) return;
    this.#writing = true;
    write(this.#fd, this.#chunk, (error, bytes) => {
      this.#writing = false;
      if (error?.code === 'EAGAIN') this.#retryLater();
      else if (error) this.#drop();
      else this.#wrote(bytes);
      this.#next();
    });
  }

  /** @returns whether there is something to write */
  #take(): boolean {
    if (this.#chunk.length > 0) return true;
    if (this.#waiting.length === 0) return false;
    if (this.#torn) this.#waiting.unshift('\n');
    this.#chunk = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingBytes = 0;
    return true;
  }

  #wrote(bytes: number): void {
    this.#retryMs = FIRST_RETRY_MS;
    if (bytes > 0) this.#torn = this.#chunk[bytes - 1] !== LINE_FEED;
    this.#chunk = this.#chunk.subarray(bytes);
    const room = this.#waitingBytes <= this.#maxWaitingBytes / 2;
    if (this.#dropped === 0 || this.#chunk.length > 0 || !room) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#recovered(dropped);
  }

  #drop(): void {
    const chunk = this.#torn && this.#chunk[0] === LINE_FEED ? this.#chunk.subarray(1) : this.#chunk;
    for (const byte of chunk) if (byte === LINE_FEED) this.#dropped++;
    this.#chunk = NOTHING;
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#next();
    }, this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  /** Writes what is left, at the exit or before a crash; a reader that does not read is not waited for. */
  flushSync(): void {
    // What the other thread has is written by it.
    let rest = Buffer.concat([this.#writing ? NOTHING : this.#chunk, Buffer.from(this.#waiting.join(''))]);
    if (!this.#writing) this.#chunk = NOTHING;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const until = performance.now() + FLUSH_MS;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        if (!isBusy(error) || performance.now() > until) return;
        Atomics.wait(SLEEP, 0, 0, 5);
      }
    }
  }
}

const NOTHING = Buffer.alloc(0);
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EAGAIN';

/** Standard error, so that a write which its reader holds up fails at once: one that waits would hold up the exit. */
export function standardError(): number {
  const kind = fstatSync(2);
  // Node makes a pipe or a socket non-blocking when it opens it, which is when it is first asked for.
  if (kind.isFIFO() || kind.isSocket()) return process.stderr.fd;
  if (!kind.isCharacterDevice()) return 2;
  try {
    // A terminal is shared with others: opened anew it is non-blocking for us alone.
    return openSync('/dev/stderr', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return 2;
  }
}
