import type { Readable, Writable } from 'node:stream';
import type { BodyPace } from '../../core/body-pace.js';

/** Counts the bytes of request bodies that all calls together keep to send again. */
export class BodyLedger {
  readonly #limit: number;
  #kept = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bytes: number): boolean {
    if (this.#kept + bytes > this.#limit) return false;
    this.#kept += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#kept -= bytes;
  }
}

/** What has to act for an upload to go on: `source` is a stream given by an option, `copy` the receiver of a copy. */
export type UploadWait = 'client' | 'source' | 'target' | 'copy';

/** A body that flows from the client to the target. */
export interface Upload {
  /** Changes whenever some of it moves. */
  readonly moves: number;
  readonly awaits: UploadWait;
  /** All that has come from the client. */
  readonly bytes: number;
  /** Of the client, over all attempts; kept here by whoever watches it. */
  pace: BodyPace | undefined;
}

/** A body that is on its way from its client, before any of it is read. */
export interface ArrivingBody extends Pick<Upload, 'bytes' | 'pace'> {
  /** All of it is here. */
  readonly isComplete: boolean;
  /** No more of it is taken before it is read. */
  readonly isFull: boolean;
  /** Calls back whenever some of it arrives. @returns ends that; it can be opened in the next turn */
  onArrival(listener: () => void): () => void;
}

/** The body of a call, opened again for each attempt. */
export interface RequestBody {
  /** Set while some of it is missing, and none of it has been read. */
  readonly arriving?: ArrivingBody | undefined;
  /** What is sent to the target: one buffer if all of it is here, otherwise a stream. */
  open(): Buffer | Readable;
  /** There is a connection for what was opened: what the client sends is read from here on. */
  release(): void;
  /** How the upload gets on; `undefined` if what was opened is a buffer. */
  readonly upload: Upload | undefined;
  /** Another attempt can send the whole body. */
  readonly replayable: boolean;
  /** Set if the body is sent in another form than it came in: the new headers. */
  readonly rebuilt?: { readonly contentType: string | undefined };
  /** It was given by an option, and replaces the client's. */
  readonly given?: boolean;
  /**
   * It was read and cannot be rebuilt: only a listener of `on.proxyReq` can write it, from what a parser has made of
   * it.
   */
  readonly consumed?: boolean;
  /** Sends it to a second receiver as well, from its start; to be called before the first {@link open}. */
  copyTo(receiver: Writable): void;
  /** Frees what was kept. What the client still sends is read and discarded. */
  close(): void;
}

/** Where a body comes from, and how it may be used. */
export interface BodyRules {
  /** The `buffer` option: sent in place of the client's body. */
  readonly buffer: unknown;
  /** Maximum bytes of a stream that are kept to be sent again; 0 keeps nothing. */
  readonly keepBytes: number;
  readonly ledger: BodyLedger;
  /** A listener may write a body that was read and cannot be rebuilt. */
  readonly listened: boolean;
}
