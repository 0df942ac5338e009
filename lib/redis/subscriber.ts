import { Closing } from '../core/closing.js';
import { closeClient, type RedisClient } from './client.js';
import { replyWithin } from './reply.js';

/** Receives each message; `undefined` when some may have been missed. */
export type ChannelListener = (message: string | undefined) => void;

/** A subscription to a channel. */
export interface Subscription {
  /** Whether messages are received from now on; where not, they are once there is a connection. Never rejects. */
  readonly heard: Promise<boolean>;
  stop(): void;
}

interface Channel {
  readonly listeners: Set<ChannelListener>;
  heard: Promise<boolean>;
}

/** One connection for all channels of a process, opened with the first subscription. */
export class RedisSubscriber {
  readonly #open: () => RedisClient;
  readonly #limitMs: number;
  readonly #channels = new Map<string, Channel>();
  #client: RedisClient | undefined;
  readonly #closing = new Closing();

  constructor(open: () => RedisClient, limitMs: number) {
    this.#open = open;
    this.#limitMs = limitMs;
  }

  listen(name: string, listener: ChannelListener): Subscription {
    if (this.#closing.begun) return { heard: Promise.resolve(false), stop() {} };
    this.#client ??= this.#connected();
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = { listeners: new Set(), heard: this.#subscribed(name) };
      this.#channels.set(name, channel);
    }
    channel.listeners.add(listener);
    return { heard: channel.heard, stop: () => this.#stop(name, listener) };
  }

  /** Tells all who listen that messages may be missed from now on, and ends the connection. */
  close(): Promise<void> {
    return this.#closing.begin(() => {
      this.#missed();
      this.#channels.clear();
      return this.#client && closeClient(this.#client);
    });
  }

  #connected(): RedisClient {
    const client = this.#open();
    client.on('error', () => {});
    client.on('message', (name: string, message: string) => {
      for (const listener of this.#channels.get(name)?.listeners ?? []) listener(message);
    });
    client.on('ready', () => {
      for (const [name, channel] of this.#channels) channel.heard = this.#subscribed(name);
    });
    client.on('close', () => this.#missed());
    return client;
  }

  #missed(): void {
    for (const { listeners } of [...this.#channels.values()])
      for (const listener of [...listeners]) listener(undefined);
  }

  async #subscribed(name: string): Promise<boolean> {
    const client = this.#client;
    if (client?.status !== 'ready') return false;
    return (await replyWithin(() => client.subscribe(name), this.#limitMs)).ok;
  }

  #stop(name: string, listener: ChannelListener): void {
    const channel = this.#channels.get(name);
    if (!channel?.listeners.delete(listener) || channel.listeners.size > 0) return;
    this.#channels.delete(name);
    const client = this.#client;
    if (client?.status === 'ready') void replyWithin(() => client.unsubscribe(name), this.#limitMs);
  }
}
