import type { Duplex } from 'node:stream';
import { ProxyError } from '../core/errors.js';
import type { SlotLimits } from '../core/upgrade.js';

/** Counts the WebSockets of one API, all and those of each client's address. */
export class SocketSlots {
  readonly #held = new WeakSet<Duplex>();
  readonly #byClient = new Map<string, number>();
  #all = 0;

  /**
   * Takes a slot for a client's connection, which holds it until it closes, however often it is asked for.
   * @returns the error if there is none
   */
  take(
    client: Duplex,
    address: string,
    { maxSockets, maxSocketsPerClient }: SlotLimits,
  ): ProxyError | undefined {
    if (this.#held.has(client) || client.closed) return undefined;
    const own = this.#byClient.get(address) ?? 0;
    if (this.#all >= maxSockets) return full('The API has as many WebSockets as it may');
    if (own >= maxSocketsPerClient) return full('The client has as many WebSockets as it may');
    this.#held.add(client);
    this.#all++;
    this.#byClient.set(address, own + 1);
    client.once('close', () => this.#give(address));
    return undefined;
  }

  #give(address: string): void {
    this.#all--;
    const rest = (this.#byClient.get(address) ?? 1) - 1;
    if (rest > 0) this.#byClient.set(address, rest);
    else this.#byClient.delete(address);
  }
}

const full = (message: string) => new ProxyError('ERR_NO_CONNECTION', message, { retryAfterMs: 1000 });
