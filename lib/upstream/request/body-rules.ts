import type { Readable, Writable } from 'node:stream';

/** Bytes of request bodies that all calls together may keep to send again. */
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

/** The body of a call: opened anew for each attempt. */
export interface RequestBody {
  /** What goes to the target: as one buffer where all of it is here, else as it flows. */
  open(): Buffer | Readable;
  /** Another attempt would send the whole body. */
  readonly replayable: boolean;
  /** How the fields must change, where the body does not go on as it came. */
  readonly rebuilt?: { readonly contentType: string | undefined };
  /** It was given by an option, in place of the client's. */
  readonly given?: boolean;
  /** It was read and cannot be written again: only a listener of `on.proxyReq` can, by what a parser made of it. */
  readonly consumed?: boolean;
  /** Sends it to one more receiver as well, from its begin; to be called before the first {@link open}. */
  copyTo(receiver: Writable): void;
  /** Frees what was kept; what the client still sends is read and dropped. */
  close(): void;
}

/** Where a body comes from, and what may be done with it. */
export interface BodyRules {
  /** Sent in place of the client's own, where `buffer` was given. */
  readonly buffer: unknown;
  /** How much of a stream is kept to be sent again; 0 keeps nothing. */
  readonly keepBytes: number;
  readonly ledger: BodyLedger;
  /** A listener may write a body that was read and cannot be written again. */
  readonly listened: boolean;
}
