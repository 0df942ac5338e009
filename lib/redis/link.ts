import { RedisCircuit, type RedisCircuitLimits } from './circuit.js';
import { closeClient, type OpenedRedis, type RedisClient } from './client.js';
import { codeOf, type RedisReply, replyWithin } from './reply.js';

/** How a link is used. */
export interface RedisLinkOptions {
  /** Bound on a command that somebody waits for. */
  readonly commandTimeoutMs: number;
  readonly circuit: RedisCircuitLimits;
}

const NOT_ASKED = { ok: false, refused: false, reason: 'UNAVAILABLE' } as const;

/** What waits for nobody's answer may take this long, since a big value can. */
const BACKGROUND_LIMIT_MS = 1000;

/** One Redis, asked only while it can be expected to answer. Whatever happens to it, nothing throws or rejects here. */
export class RedisLink {
  readonly client: RedisClient;
  readonly #own: boolean;
  readonly #commandTimeoutMs: number;
  readonly #backgroundLimitMs: number;
  readonly #circuit: RedisCircuit;
  readonly #recovered = new Set<() => void>();
  readonly #background = new Set<Promise<unknown>>();
  #lastError: string | undefined;
  #closed = false;

  constructor({ client, own }: OpenedRedis, { commandTimeoutMs, circuit }: RedisLinkOptions) {
    this.client = client;
    this.#own = own;
    this.#commandTimeoutMs = commandTimeoutMs;
    this.#backgroundLimitMs = Math.max(BACKGROUND_LIMIT_MS, commandTimeoutMs);
    this.#circuit = new RedisCircuit(
      circuit,
      async (key) => (await this.#ask(() => client.exists(key), commandTimeoutMs)).ok,
      this.#onRecovered,
    );
    // Each store on a client of the application's has a listener: none of them leaks.
    client.setMaxListeners(client.getMaxListeners() + 1);
    client.on('ready', this.#onReady);
    // Without a listener of ours ioredis prints each failed connection; to a client of the application's it may.
    if (own) client.on('error', this.#onError);
    // What the application opens at the first command would never be opened, since none is sent before it is ready.
    if (client.status === 'wait') client.connect().catch(this.#onError);
  }

  /** Whether there is a connection, and Redis answered on it lately. */
  get usable(): boolean {
    return !this.#closed && this.client.status === 'ready' && !this.#circuit.isOpen;
  }

  get circuitIsOpen(): boolean {
    return this.#circuit.isOpen;
  }

  /** Code of what went wrong last. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Calls back whenever Redis can be asked again. */
  onRecovered(listener: () => void): void {
    this.#recovered.add(listener);
  }

  /** Sends a command that somebody waits for; when several in a row get no answer in time none is sent for a while. */
  lookUp<T>(key: string, send: () => Promise<T>): Promise<RedisReply<T>> {
    if (!this.usable) return Promise.resolve(NOT_ASKED);
    return replyWithin(send, this.#commandTimeoutMs, (response) => this.#learn(key, response));
  }

  #learn(key: string, response: RedisReply<unknown>): void {
    if (!response.ok) this.#lastError = response.reason;
    if (response.ok || response.refused) this.#circuit.succeeded();
    else if (!this.#closed) this.#circuit.failed(key);
  }

  /** Sends a command that no call waits for. It is sent at once, before what is asked later. */
  run<T>(send: () => Promise<T>): Promise<RedisReply<T>> {
    if (!this.usable) return Promise.resolve(NOT_ASKED);
    const response = this.#ask(send, this.#backgroundLimitMs);
    this.#background.add(response);
    void response.then(() => this.#background.delete(response));
    return response;
  }

  /** Ends a connection of its own once what was sent is done, or has had its time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#circuit.close();
    await Promise.all(this.#background);
    this.client.off('ready', this.#onReady);
    this.client.setMaxListeners(this.client.getMaxListeners() - 1);
    if (this.#own) await closeClient(this.client);
  }

  async #ask<T>(send: () => Promise<T>, limitMs: number): Promise<RedisReply<T>> {
    const response = await replyWithin(send, limitMs);
    if (!response.ok) this.#lastError = response.reason;
    return response;
  }

  readonly #onReady = (): void => {
    if (this.#circuit.isOpen) this.#circuit.reset();
    else this.#onRecovered();
  };

  readonly #onRecovered = (): void => {
    for (const listener of this.#recovered) listener();
  };

  readonly #onError = (error: unknown): void => {
    this.#lastError = codeOf(error);
  };
}
