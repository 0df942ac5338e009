import type { Handlers } from './handlers.js';

const TELL = 0;
const ASK = 1;
const REPLY = 2;

/** A message between two processes. The number of a question returns with its reply. */
type Message = readonly [kind: number, topic: string, body: unknown, number: number];

/** What goes over the channel: all messages of one turn of the event loop. */
export interface Parcel {
  readonly resilientProxy: readonly Message[];
}

/** One end of the channel between a worker and the primary. */
export class Peer {
  readonly #name: number;
  readonly #send: (parcel: Parcel) => void;
  readonly #handlers: Handlers;
  readonly #waiting = new Map<number, (reply: unknown) => void>();
  #parcel: Message[] = [];
  #number = 0;
  #closed = false;

  /** @param name of the other end, for the handlers */
  constructor(name: number, send: (parcel: Parcel) => void, handlers: Handlers) {
    this.#name = name;
    this.#send = send;
    this.#handlers = handlers;
  }

  tell(topic: string, body?: unknown): void {
    this.#put([TELL, topic, body, 0]);
  }

  /** Resolves with the reply; with `undefined` once the other end is gone. */
  ask(topic: string, body?: unknown): Promise<unknown> {
    if (this.#closed) return Promise.resolve(undefined);
    const number = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#put([ASK, topic, body, number]);
    });
  }

  /** Takes what came over the channel; ignores what is not ours. */
  receive(parcel: unknown): void {
    if (!isParcel(parcel)) return;
    for (const message of parcel.resilientProxy) this.#take(message);
  }

  /** The other end is gone. */
  close(): void {
    this.#closed = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(undefined);
  }

  #take([kind, topic, body, number]: Message): void {
    if (kind === REPLY) {
      const resolve = this.#waiting.get(number);
      this.#waiting.delete(number);
      return resolve?.(body);
    }
    const done = this.#handlers.run(topic, body, this.#name);
    if (kind === ASK) void done.then((reply) => this.#put([REPLY, '', reply, number]));
  }

  /** Messages of one turn travel together: each write to the channel is a system call. */
  #put(message: Message): void {
    if (this.#closed) return;
    if (this.#parcel.push(message) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const resilientProxy = this.#parcel;
    this.#parcel = [];
    if (!this.#closed) this.#send({ resilientProxy });
  }
}

function isParcel(message: unknown): message is Parcel {
  return typeof message === 'object' && message !== null && 'resilientProxy' in message;
}
