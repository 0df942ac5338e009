import { Readable, type Writable } from 'node:stream';
import type { BodyLedger, BodyRules, RequestBody } from './body-rules.js';

/**
 * A body that streams through. What has passed is kept up to a limit, so that another attempt can begin
 * with it and go on with what the client still sends; nothing waits for the whole body first.
 */
export class StreamedBody implements RequestBody {
  readonly given: boolean;
  readonly #source: Readable;
  readonly #ledger: BodyLedger;
  readonly #keepBytes: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #passedBytes = 0;
  #keeping: boolean;
  #ended = false;
  #listening = false;
  #reader: Readable | undefined;
  #copy: Writable | undefined;

  constructor(source: Readable, { keepBytes, ledger }: BodyRules, given = false) {
    this.given = given;
    this.#source = source;
    this.#keepBytes = keepBytes;
    this.#ledger = ledger;
    this.#keeping = keepBytes > 0;
  }

  get replayable(): boolean {
    return this.#keeping || this.#passedBytes === 0;
  }

  open(): Buffer | Readable {
    this.#leaveReader();
    if (this.#ended && this.#keeping) return Buffer.concat(this.#kept, this.#keptBytes);
    const reader = new Readable({ read: this.#resume, highWaterMark: 64 * 1024 });
    this.#reader = reader;
    for (const chunk of this.#kept) reader.push(chunk);
    this.#listen();
    return reader;
  }

  copyTo(receiver: Writable): void {
    this.#copy = receiver;
    receiver.on('drain', this.#copyDrained).once('close', () => {
      // One that is gone holds nobody up.
      this.#copy = undefined;
      this.#copyDrained();
    });
  }

  close(): void {
    this.#leaveReader();
    this.#forget();
    if (this.#copy && !this.#ended) {
      // It gets all of the body, whatever became of the call.
      this.#keeping = false;
      this.#listen();
    } else {
      if (!this.#listening) return;
      this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    }
    this.#resume();
  }

  /** Whoever takes less in keeps the other waiting; a source that nobody listens to would lose what it has. */
  readonly #resume = (): void => {
    if (this.#listening && !this.#copy?.writableNeedDrain) this.#source.resume();
  };

  readonly #copyDrained = (): void => {
    const reader = this.#reader;
    if (!reader || reader.readableLength < reader.readableHighWaterMark) this.#resume();
  };

  /** An attempt that failed takes its reader with it, which must not take the client's stream along. */
  #leaveReader(): void {
    const reader = this.#reader;
    if (!reader) return;
    this.#reader = undefined;
    this.#source.pause();
    reader.on('error', () => {}).destroy();
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    // Else a listener would set it going: it flows once somebody reads, so that an attempt that finds no connection
    // leaves all of it to the next.
    this.#source.pause().on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
  }

  readonly #onData = (data: Buffer | string): void => {
    const chunk = typeof data === 'string' ? Buffer.from(data) : data;
    this.#passedBytes += chunk.length;
    if (this.#keeping) this.#keep(chunk);
    const full = this.#reader?.push(chunk) === false;
    const copyFull = this.#copy?.write(chunk) === false;
    if (full || copyFull) this.#source.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#reader?.push(null);
    this.#copy?.end();
  };

  readonly #onClose = (): void => {
    if (this.#ended) return;
    const cause = this.#source.errored;
    this.#reader?.destroy(new Error('The body broke off before it was complete', { cause }));
    this.#copy?.destroy();
  };

  #keep(chunk: Buffer): void {
    if (this.#keptBytes + chunk.length > this.#keepBytes || !this.#ledger.take(chunk.length)) {
      this.#keeping = false;
      this.#forget();
      return;
    }
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
  }

  #forget(): void {
    this.#ledger.give(this.#keptBytes);
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
