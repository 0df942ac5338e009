import { Closing } from '../core/closing.js';
import { RedisCircuit, type RedisCircuitLimits } from './circuit.js';
import { closeClient, type OpenedRedis, type RedisClient } from './client.js';
import type { RedisHealth } from './health.js';
import { codeOf, type RedisReply, replyWithin } from './reply.js';

/** How a link is used. */
export interface RedisLinkOptions {
  /** Timeout of a command that a request waits for. */
  readonly commandTimeoutMs: number;
  readonly circuit: RedisCircuitLimits;
  /** The part that goes on by itself without a reply. */
  readonly part?: string;
}

const NOT_SENT = { ok: false, refused: false, reason: 'UNAVAILABLE' } as const;

/** Timeout of a command that no request waits for: a large value can take this long. */
const BACKGROUND_LIMIT_MS = 1000;

/**
 * A connection to Redis, used only while a reply can be expected. Whatever happens to Redis, nothing here throws or
 * rejects.
 */
export class RedisLink {
  readonly client: RedisClient;
  readonly #own: boolean;
  readonly #commandTimeoutMs: number;
  readonly #backgroundLimitMs: number;
  readonly #circuit: RedisCircuit;
  readonly #recovered = new Set<() => void>();
  readonly #background = new Set<Promise<unknown>>();
  readonly #health: RedisHealth | undefined;
  readonly #part: string | undefined;
  #lastError: string | undefined;
  readonly #closing = new Closing();

  constructor({ client, own, shared }: OpenedRedis, { commandTimeoutMs, circuit, part }: RedisLinkOptions) {
    this.client = client;
    this.#health = shared?.health;
    this.#part = part;
    this.#own = own;
    this.#commandTimeoutMs = commandTimeoutMs;
    this.#backgroundLimitMs = Math.max(BACKGROUND_LIMIT_MS, commandTimeoutMs);
    this.#circuit = new RedisCircuit(
      circuit,
      async (key) => (await this.#send(() => client.exists(key), commandTimeoutMs)).ok,
      () => {
        this.#health?.silent(this, false);
        this.#onRecovered();
      },
      () => this.#health?.silent(this, true),
    );
    // Each store on the application's client has one listener: none of them leaks.
    client.setMaxListeners(client.getMaxListeners() + 1);
    client.on('ready', this.#onReady);
    // Without a listener ioredis prints each failed connection; on the application's client that is the application's
    // choice.
    if (own) client.on('error', this.#onError);
    // A lazy client connects at its first command, but no command is sent before it is ready.
    if (client.status === 'wait') client.connect().catch(this.#onError);
  }

  /** Whether there is a connection, and Redis has replied on it lately. */
  get usable(): boolean {
    return !this.#closing.begun && this.client.status === 'ready' && !this.#circuit.isOpen;
  }

  get circuitIsOpen(): boolean {
    return this.#circuit.isOpen;
  }

  /** Code of the last error. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Calls back whenever Redis is available again. */
  onRecovered(listener: () => void): void {
    this.#recovered.add(listener);
  }

  /** Sends a command that a request waits for; when several in a row time out, none is sent for a while. */
  lookUp<T>(key: string, send: () => Promise<T>): Promise<RedisReply<T>> {
    if (!this.usable) {
      this.decideLocally();
      return Promise.resolve(NOT_SENT);
    }
    return replyWithin(send, this.#commandTimeoutMs, (reply) => this.#learn(key, reply));
  }

  #learn(key: string, reply: RedisReply<unknown>): void {
    if (!reply.ok) {
      this.#report(reply);
      this.decideLocally();
    }
    if (reply.ok || reply.refused) this.#circuit.succeeded();
    else if (!this.#closing.begun) this.#circuit.failed(key);
  }

  /** Its part does without Redis. */
  decideLocally(): void {
    if (this.#part !== undefined) this.#health?.decidedLocally(this.#part);
  }

  #report({ reason, refused }: { readonly reason: string; readonly refused: boolean }): void {
    this.#lastError = reason;
    if (refused) this.#health?.refused(reason);
    else if (reason === 'TIMEOUT') this.#health?.timedOut();
  }

  /** Sends a command that no request waits for. It is sent at once, before any later command. */
  run<T>(send: () => Promise<T>): Promise<RedisReply<T>> {
    if (!this.usable) return Promise.resolve(NOT_SENT);
    return this.#track(this.#send(send, this.#backgroundLimitMs));
  }

  /**
   * Sends a command that undoes another: while Redis is slow too, when nothing else is sent, since others would wait
   * for what was not undone.
   */
  insist(send: () => Promise<unknown>): void {
    if (this.#closing.begun || this.client.status !== 'ready') return;
    void this.#track(this.#send(send, this.#backgroundLimitMs));
  }

  #track<T>(reply: Promise<T>): Promise<T> {
    this.#background.add(reply);
    void reply.then(() => this.#background.delete(reply));
    return reply;
  }

  /** Closes its own connection once the commands in flight have finished or timed out. */
  close(): Promise<void> {
    return this.#closing.begin(() => this.#close());
  }

  async #close(): Promise<void> {
    this.#circuit.close();
    this.#health?.silent(this, false);
    await Promise.all(this.#background);
    this.client.off('ready', this.#onReady);
    this.client.setMaxListeners(this.client.getMaxListeners() - 1);
    if (this.#own) await closeClient(this.client);
  }

  async #send<T>(send: () => Promise<T>, limitMs: number): Promise<RedisReply<T>> {
    const reply = await replyWithin(send, limitMs);
    if (!reply.ok) this.#report(reply);
    return reply;
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
