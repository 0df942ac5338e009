import { Closing } from '../core/closing.js';
import { realTime } from '../core/time.js';
import { closeClient, disconnect, openSubscriber } from './connections.js';
import type { RedisHealth } from './health.js';
import { replyWithin } from './reply.js';
import type { RedisClient } from './settings.js';

/** Receives each message; `undefined` when some may have been missed. */
export type ChannelListener = (message: string | undefined) => void;

/** A subscription to a channel. */
export interface Subscription {
  /** Whether messages are received from now on; where not, they are once there is a connection. Never rejects. */
  readonly heard: Promise<boolean>;
  stop(): void;
}

/** The channels that one part listens to. */
export interface Channels {
  /** Once for each listener, however often it is called. */
  listen(name: string, listener: ChannelListener): Subscription;
  /** Tells all listeners of the part that messages may be missed from now on, and ends its subscriptions. */
  close(): Promise<void>;
}

interface Channel {
  readonly listeners: Set<ChannelListener>;
  readonly limitMs: number;
  heard: Promise<boolean>;
  isHeard: boolean;
}

/** How often it is tried whether messages can still arrive, and how long the reply to that may take. */
const CHECK_MS = 1000;

/** One connection for all channels: opened with the first subscription, closed with the last part that uses it. */
export class RedisSubscriber {
  readonly #commands: RedisClient;
  readonly #health: RedisHealth | undefined;
  readonly #channels = new Map<string, Channel>();
  #client: RedisClient | undefined;
  #stopChecks: (() => void) | undefined;
  #users = 0;

  /**
   * @param commands the client for commands; the connection goes to the same Redis
   * @param health hears where a channel is refused
   */
  constructor(commands: RedisClient, health?: RedisHealth) {
    this.#commands = commands;
    this.#health = health;
  }

  /**
   * Channels for one more part.
   * @param limitMs how long a subscription may take to count as heard
   */
  channels(limitMs: number): Channels {
    this.#users++;
    const listening = new Map<string, Set<ChannelListener>>();
    const closing = new Closing();
    const stop = (name: string, listener: ChannelListener): void => {
      if (listening.get(name)?.delete(listener)) this.#stop(name, listener);
      if (listening.get(name)?.size === 0) listening.delete(name);
    };
    return {
      listen: (name, listener) => {
        if (closing.begun) return { heard: Promise.resolve(false), stop() {} };
        const listeners = listening.get(name) ?? new Set();
        listening.set(name, listeners.add(listener));
        return { heard: this.#listen(name, listener, limitMs), stop: () => stop(name, listener) };
      },
      close: () =>
        closing.begin(() => {
          for (const [name, listeners] of listening)
            for (const listener of listeners) {
              this.#stop(name, listener);
              listener(undefined);
            }
          return this.#left();
        }),
    };
  }

  #listen(name: string, listener: ChannelListener, limitMs: number): Promise<boolean> {
    this.#client ??= this.#connected();
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = { listeners: new Set(), limitMs, heard: Promise.resolve(false), isHeard: false };
      this.#channels.set(name, channel);
      this.#subscribe(name, channel);
    }
    channel.listeners.add(listener);
    return channel.heard;
  }

  async #left(): Promise<void> {
    if (--this.#users > 0) return;
    const client = this.#client;
    this.#client = undefined;
    this.#stopChecks?.();
    if (client) await closeClient(client);
  }

  #connected(): RedisClient {
    const client = openSubscriber(this.#commands);
    client.on('error', () => {});
    client.on('message', (name: string, message: string) => {
      for (const listener of this.#channels.get(name)?.listeners ?? []) listener(message);
    });
    client.on('ready', () => {
      if (client !== this.#client) return;
      for (const [name, channel] of this.#channels) this.#subscribe(name, channel);
    });
    // One that was left says nothing of its successor.
    client.on('close', () => client === this.#client && this.#missed());
    this.#stopChecks = realTime.every(CHECK_MS, () => void this.#check());
    return client;
  }

  /**
   * Nothing is ever sent on this connection but subscriptions, so that nobody notices if it is dead or, in a Cluster, has
   * lost them. To subscribe once more changes nothing, and the reply tells.
   */
  async #check(): Promise<void> {
    const client = this.#client;
    const [first] = this.#channels.keys();
    if (client?.status !== 'ready' || first === undefined) return;
    for (const [name, channel] of this.#channels) if (!channel.isHeard) this.#subscribe(name, channel);
    const reply = await replyWithin(() => client.subscribe(first), CHECK_MS);
    if (!reply.ok && !reply.refused && client === this.#client) disconnect(client, true);
  }

  #missed(): void {
    const channels = [...this.#channels.values()];
    for (const channel of channels) {
      channel.heard = Promise.resolve(false);
      channel.isHeard = false;
    }
    for (const { listeners } of channels) for (const listener of [...listeners]) listener(undefined);
  }

  #subscribe(name: string, channel: Channel): void {
    channel.heard = this.#subscribed(name, channel);
  }

  async #subscribed(name: string, channel: Channel): Promise<boolean> {
    const client = this.#client;
    if (client?.status !== 'ready') return false;
    const reply = await replyWithin(() => client.subscribe(name), channel.limitMs);
    if (!reply.ok && reply.refused) this.#health?.refused(reply.reason);
    channel.isHeard = reply.ok;
    return reply.ok;
  }

  #stop(name: string, listener: ChannelListener): void {
    const channel = this.#channels.get(name);
    if (!channel?.listeners.delete(listener) || channel.listeners.size > 0) return;
    this.#channels.delete(name);
    const client = this.#client;
    if (client?.status === 'ready') void replyWithin(() => client.unsubscribe(name), channel.limitMs);
  }
}
