import type { Readable, Writable } from 'node:stream';
import { ProxyError } from '../../core/errors.js';

/** A client that takes nothing for so long is slower than its network is. No target gives up on one sooner. */
const STALL_MS = 250;
/** What the target's end has sent before it gave up is read first, once the client goes on. */
const AFTERMATH_MS = 1000;

/** Whether the client of a response holds its target up, by which a target may lose patience. */
export class SlowReader {
  #stalledSince: number | undefined;
  #lastStallEndedAt = Number.NEGATIVE_INFINITY;

  /** The client takes no more for now. */
  stalls(): void {
    this.#stalledSince ??= performance.now();
  }

  /** It goes on reading. */
  reads(): void {
    if (this.#stalledSince === undefined) return;
    const now = performance.now();
    if (now - this.#stalledSince >= STALL_MS) this.#lastStallEndedAt = now;
    this.#stalledSince = undefined;
  }

  /** What the end of a response is told as: the client's doing where the target had to wait for it. */
  blamed(error: unknown): unknown {
    const now = performance.now();
    const stalls = this.#stalledSince !== undefined && now - this.#stalledSince >= STALL_MS;
    if (!stalls && now - this.#lastStallEndedAt > AFTERMATH_MS) return error;
    return new ProxyError('ERR_UPSTREAM_RESET', 'The upstream gave up on a client that read too slowly', {
      by: 'client',
      cause: error,
    });
  }
}

/** The client of a response that is piped, to be called when its pipe waits for the first time. */
export function stalledReader(piped: Readable, client: Writable): SlowReader {
  const reader = new SlowReader();
  reader.stalls();
  piped.on('pause', () => reader.stalls());
  client.on('drain', () => reader.reads());
  return reader;
}
