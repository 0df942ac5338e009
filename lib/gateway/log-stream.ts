import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 100;
/** How long the last lines may take at the exit. */
const FLUSH_MS = 200;

/**
 * Writes log lines to a file descriptor and never holds a request up: not for a reader that has stopped, nor on a full
 * disk. Lines wait in memory, up to 1 MiB; those that find no room, or cannot be written, are dropped and counted.
 */
export class LogStream implements DestinationStream {
  readonly #fd: number;
  readonly #recovered: (dropped: number) => void;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** What is being written, and how many lines it is. */
  #chunk: Buffer = NOTHING;
  #chunkLines = 0;
  #writing = false;
  #retry: NodeJS.Timeout | undefined;
  #dropped = 0;

  /** @param recovered called with the number of lines dropped, once all others have been written */
  constructor(fd: number, recovered: (dropped: number) => void) {
    this.#fd = fd;
    this.#recovered = recovered;
  }

  write(line: string): void {
    if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) {
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
      else this.#wrote(error, bytes);
      this.#next();
    });
  }

  /** @returns whether there is something to write */
  #take(): boolean {
    if (this.#chunk.length > 0) return true;
    this.#chunk = Buffer.from(this.#waiting.join(''));
    this.#chunkLines = this.#waiting.length;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return this.#chunk.length > 0;
  }

  #wrote(error: unknown, bytes: number): void {
    if (error) this.#dropped += this.#chunkLines;
    this.#chunk = error ? NOTHING : this.#chunk.subarray(bytes);
    if (error || this.#dropped === 0 || this.#chunk.length + this.#waitingBytes > 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#recovered(dropped);
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#next();
    }, RETRY_MS);
    this.#retry.unref();
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
