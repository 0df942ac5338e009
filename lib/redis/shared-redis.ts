import { realTime, type Time } from '../core/time.js';
import { RedisHealth } from './health.js';
import { codeOf } from './reply.js';
import type { OnStoreLoss, RedisClient, RedisSettings } from './settings.js';
import { RedisSubscriber } from './subscriber.js';

/** The two connections to Redis that all parts of a proxy use, for commands and for channels, and how they are. */
export class SharedRedis implements RedisSettings {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly commandTimeoutMs: number | undefined;
  readonly onStoreLoss: OnStoreLoss;
  readonly health: RedisHealth;
  /** The one connection for all channels. */
  readonly subscriber: RedisSubscriber;

  constructor(
    { client, own }: { readonly client: RedisClient; readonly own: boolean },
    { prefix = 'rpo', commandTimeoutMs, onStoreLoss = 'local' }: RedisSettings,
    time: Time = realTime,
  ) {
    this.client = client;
    this.prefix = prefix;
    this.commandTimeoutMs = commandTimeoutMs;
    this.onStoreLoss = onStoreLoss;
    this.health = new RedisHealth(time);
    this.subscriber = new RedisSubscriber(client, this.health);
    client.setMaxListeners(client.getMaxListeners() + 1);
    client.on('ready', this.#onReady).on('close', this.#onClose);
    // Without a listener ioredis prints each failed connection; on the application's client that is the application's
    // choice.
    if (own) client.on('error', this.#onError);
    if (client.status === 'ready') this.health.connected();
  }

  /** Before the parts that use it are closed: what happens from here on is no news. */
  leave(): void {
    this.health.close();
  }

  close(): void {
    this.client.off('ready', this.#onReady).off('close', this.#onClose);
    this.client.setMaxListeners(this.client.getMaxListeners() - 1);
  }

  readonly #onReady = (): void => this.health.connected();
  readonly #onClose = (): void => this.health.lost('CLOSED');
  readonly #onError = (error: unknown): void => {
    if (this.client.status !== 'ready') this.health.lost(codeOf(error));
  };
}
