import { Readable, type Writable } from 'node:stream';
import type { BodyPace } from '../../core/body-pace.js';
import { KeptChunks } from '../../core/kept-chunks.js';
import type { ArrivingBody, BodyLedger, BodyRules, RequestBody, Upload, UploadWait } from './body-rules.js';

/**
 * A body that streams through. What has passed is kept up to a limit, so that another attempt can send it again and
 * continue with what the client still sends. Nothing waits for the whole body.
 */
export class StreamedBody implements RequestBody, Upload, ArrivingBody {
  moves = 0;
  pace: BodyPace | undefined = undefined;
  readonly given: boolean;
  readonly #source: Readable;
  readonly #ledger: BodyLedger;
  readonly #keepBytes: number;
  #kept = new KeptChunks();
  #passedBytes = 0;
  #keeping: boolean;
  #ended = false;
  #listening = false;
  /** It was waited for: Node does not discard by itself what is left of it. */
  #awaited = false;
  #reader: Readable | undefined;
  #released = false;
  /** The reader wants more. */
  #wanted = false;
  #copy: Writable | undefined;

  constructor(
    source: Readable,
    { keepBytes, ledger }: Pick<BodyRules, 'keepBytes' | 'ledger'>,
    given = false,
  ) {
    this.given = given;
    this.#source = source;
    this.#keepBytes = keepBytes;
    this.#ledger = ledger;
    this.#keeping = keepBytes > 0;
  }

  get replayable(): boolean {
    return this.#keeping || this.#passedBytes === 0;
  }

  get bytes(): number {
    return this.#passedBytes + this.#source.readableLength;
  }

  get arriving(): ArrivingBody | undefined {
    return this.given || this.#listening || this.isComplete ? undefined : this;
  }

  /** Node says so of a request when its last byte is here, read or not. */
  get isComplete(): boolean {
    return Reflect.get(this.#source, 'complete') === true;
  }

  get isFull(): boolean {
    return this.#source.readableLength >= this.#source.readableHighWaterMark;
  }

  onArrival(listener: () => void): () => void {
    this.#awaited = true;
    this.#source.on('readable', listener);
    return () => void this.#source.off('readable', listener);
  }

  get upload(): Upload | undefined {
    return this.#reader && this;
  }

  get awaits(): UploadWait {
    if (this.#ended || (this.#reader?.readableLength ?? 0) > 0) return 'target';
    if (this.#copy?.writableNeedDrain) return 'copy';
    return this.given ? 'source' : 'client';
  }

  open(): Buffer | Readable {
    this.#leaveReader();
    if (this.#ended && this.#keeping) return this.#kept.whole();
    const reader = new Readable({ read: this.#onWanted, highWaterMark: 64 * 1024 });
    this.#reader = reader;
    this.#released = false;
    this.#wanted = false;
    for (const chunk of this.#kept.list()) reader.push(chunk);
    // Nothing is read before there is a connection: an attempt that comes to none leaves the body whole.
    this.#source.pause();
    this.#listen();
    return reader;
  }

  release(): void {
    this.#released = true;
    if (this.#wanted) this.#resume();
  }

  copyTo(receiver: Writable): void {
    this.#copy = receiver;
    receiver.on('drain', this.#copyDrained).once('close', () => {
      // A receiver that has closed holds nobody up.
      this.#copy = undefined;
      this.#copyDrained();
    });
  }

  close(): void {
    this.#leaveReader();
    this.#forget();
    if (this.#copy && !this.#ended) {
      // The copy gets the whole body, whatever happens to the call.
      this.#keeping = false;
      this.#listen();
    } else {
      if (!this.#listening) return void (this.#awaited && this.#source.resume());
      this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    }
    this.#resume();
  }

  readonly #onWanted = (): void => {
    this.moves++;
    this.#wanted = true;
    if (this.#released) this.#resume();
  };

  /** The slower of the two readers sets the pace. Not resumed without a listener: the data would be lost. */
  readonly #resume = (): void => {
    if (this.#listening && !this.#copy?.writableNeedDrain) this.#source.resume();
  };

  readonly #copyDrained = (): void => {
    const reader = this.#reader;
    if (reader && !this.#released) return;
    if (!reader || reader.readableLength < reader.readableHighWaterMark) this.#resume();
  };

  /** A failed attempt destroys its reader, which must not destroy the client's stream. */
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
    this.#source.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    // An empty one may have ended while it was waited for.
    if (this.#source.readableEnded) this.#onEnd();
  }

  readonly #onData = (data: Buffer | string): void => {
    const chunk = typeof data === 'string' ? Buffer.from(data) : data;
    this.moves++;
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
    if (this.#kept.length + chunk.length > this.#keepBytes || !this.#ledger.take(chunk.length)) {
      this.#keeping = false;
      this.#forget();
      return;
    }
    this.#kept.add(chunk);
  }

  #forget(): void {
    this.#ledger.give(this.#kept.length);
    this.#kept = new KeptChunks();
  }
}
