import { Server } from 'node:net';

const LET_GO: unique symbol = Symbol('resilient-proxy-out.let-go');

interface Marked extends Server {
  [LET_GO]?: Listeners | undefined;
}

/** All who hear that one server has closed. */
class Listeners {
  readonly #server: Marked;
  readonly #all = new Set<() => void>();

  constructor(server: Marked) {
    this.#server = server;
    server.on('close', this.#closed);
  }

  add(closed: () => void): void {
    this.#all.add(closed);
  }

  /** The last one takes the server's listener along. */
  delete(closed: () => void): void {
    if (!this.#all.delete(closed) || this.#all.size > 0) return;
    this.#server.off('close', this.#closed);
    this.#server[LET_GO] = undefined;
  }

  readonly #closed = (): void => {
    for (const closed of this.#all) closed();
  };
}

/**
 * Hears when the servers close that calls come in by. A server has one listener for all who ask: that of each would
 * be a leak in Node's eyes from the eleventh on.
 */
export class ServerClosings {
  readonly #closed: () => void;
  readonly #heard = new Set<Listeners>();
  #last: unknown;
  #over = false;

  /** @param closed called for each server that has closed */
  constructor(closed: () => void) {
    this.#closed = closed;
  }

  /** Called for each call, with the server that its connection came in by, if there is one. */
  hear(server: unknown): void {
    if (server === this.#last || this.#over) return;
    this.#last = server;
    if (!(server instanceof Server)) return;
    const marked: Marked = server;
    marked[LET_GO] ??= new Listeners(marked);
    marked[LET_GO].add(this.#closed);
    this.#heard.add(marked[LET_GO]);
  }

  close(): void {
    this.#over = true;
    for (const listeners of this.#heard) listeners.delete(this.#closed);
    this.#heard.clear();
  }
}
