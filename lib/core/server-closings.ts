import { Server } from 'node:net';

const LET_GO: unique symbol = Symbol('resilient-proxy-out.let-go');

interface Marked extends Server {
  [LET_GO]?: Set<() => void>;
}

/**
 * Hears when the servers close that calls come in by. A server has one listener for all who ask: that of each would
 * be a leak in Node's eyes from the eleventh on.
 */
export class ServerClosings {
  readonly #closed: () => void;
  readonly #heard = new Set<Set<() => void>>();
  #last: unknown;

  /** @param closed called for each server that has closed */
  constructor(closed: () => void) {
    this.#closed = closed;
  }

  /** Called for each call, with the server that its connection came in by, if there is one. */
  hear(server: unknown): void {
    if (server === this.#last) return;
    this.#last = server;
    if (!(server instanceof Server)) return;
    const marked: Marked = server;
    const known = marked[LET_GO] ?? listened(marked);
    known.add(this.#closed);
    this.#heard.add(known);
  }

  close(): void {
    for (const known of this.#heard) known.delete(this.#closed);
    this.#heard.clear();
  }
}

function listened(server: Marked): Set<() => void> {
  const known = new Set<() => void>();
  server[LET_GO] = known;
  server.on('close', () => {
    for (const closed of known) closed();
  });
  return known;
}
