import type { IncomingMessage, ServerResponse } from 'node:http';
import { realTime, type StopTimer, type Time } from '../../lib/core/time.js';
import type { Selections } from '../client/shared/stream-messages.js';
import { sendError } from './responses.js';

/** A value that pages can follow. Channels with equal keys are read once for all clients. */
export interface Channel {
  /** Name of its events. */
  readonly name: string;
  readonly key: string;
  /** Shortest time between two readings; at least a tick, which is a second. */
  readonly everyMs: number;
  /** Nothing reports its changes: it is read as often as allowed. */
  readonly polled?: boolean;
  /**
   * The value; `undefined` if it no longer exists.
   * @param fresh a cached value is not good enough: it may lack the change that was reported
   */
  read(fresh: boolean): Promise<unknown>;
  /** Differs when the value has changed; the default is the whole value as JSON. */
  fingerprint?(value: unknown): string;
}

/** A channel while somebody follows it. */
interface Live {
  readonly channel: Channel;
  readonly clients: Set<Client>;
  text: string;
  mark: string;
  version: number;
  readAt: number;
  changed: boolean;
  reading: boolean;
}

/** A page that follows some channels, or several pages of one browser. */
interface Client {
  readonly res: ServerResponse;
  /** Several pages: each event has the key of its channel as its id. */
  readonly shared: boolean;
  readonly since: number;
  readonly sent: Map<Live, number>;
}

const TICK_MS = 1000;
/** Pages that share a stream at most; more of them poll. */
const MAX_SHARING = 50;
/** Every so many ticks everything is read and sent without a change, so that pages know the stream is alive. */
const BEAT_TICKS = 15;
/** A stream ends after this time; the browser reconnects at once, and is authorized again. */
const MAX_STREAM_MS = 15 * 60_000;

/**
 * Server-sent events for a bounded number of pages. A reading serves all pages that follow the same channel; a slow page
 * gets the newest value when it can take one. There is a timer only while pages follow.
 */
export class LiveFeed {
  readonly #maxClients: number;
  readonly #clients = new Set<Client>();
  readonly #live = new Map<string, Live>();
  /** Listens to a source while pages follow. */
  readonly #listen: (changed: () => void) => () => void;
  #stopListening: (() => void) | undefined;
  #stopTicking: StopTimer | undefined;
  #ticks = 0;
  #closed = false;
  readonly #time: Time;

  /** @param time for tests */
  constructor(maxClients: number, listen: (changed: () => void) => () => void, time: Time = realTime) {
    this.#maxClients = maxClients;
    this.#listen = listen;
    this.#time = time;
  }

  /**
   * Begins a stream of these channels.
   * @param selections for a stream that several pages share: the keys of the channels of each
   */
  async follow(
    req: IncomingMessage,
    res: ServerResponse,
    channels: readonly Channel[],
    selections?: Selections,
  ): Promise<void> {
    if (this.#closed || this.#clients.size >= this.#maxClients) {
      res.setHeader('Retry-After', '30');
      return sendError(
        res,
        503,
        'ERR_QUEUE_FULL',
        'Too many pages have a live stream; this one polls instead',
      );
    }
    res.statusCode = 200;
    res.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    // no-transform keeps compression() away, X-Accel-Buffering nginx: both would hold events back.
    res.setHeader('Cache-Control', 'no-store, no-transform');
    res.setHeader('X-Accel-Buffering', 'no');
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    // The client may have left during the authorization; its close event has passed then.
    if (res.destroyed) return;
    res.write('retry: 2000\n\n');
    if (selections) res.write(event('selections', JSON.stringify(selections)));
    const client: Client = {
      res,
      shared: selections !== undefined,
      since: this.#time.steady(),
      sent: new Map(),
    };
    this.#join(client, channels);
    res.on('drain', () => this.#send(client));
    res.on('close', () => this.#leave(client));
    res.on('error', () => res.destroy());
    const old = [...client.sent.keys()].filter(
      (live) => this.#time.steady() - live.readAt > live.channel.everyMs,
    );
    await Promise.all(old.map((live) => this.#refresh(live, true)));
  }

  /**
   * Begins a stream that several pages of one browser share.
   * @param pages the query of each
   * @param channelsOf the channels that a query selects; `undefined` if it is refused
   */
  async share(
    req: IncomingMessage,
    res: ServerResponse,
    pages: readonly string[],
    channelsOf: (query: URLSearchParams) => Promise<readonly Channel[] | undefined>,
  ): Promise<void> {
    const found = await Promise.all(
      pages.map((page, i) => (i < MAX_SHARING ? channelsOf(new URLSearchParams(page)) : undefined)),
    );
    const channels = new Map(found.flatMap((some = []) => some.map((one) => [one.key, one])));
    const selections = found.map((some) => some?.map(({ key }) => key) ?? null);
    await this.follow(req, res, [...channels.values()], selections);
  }

  /** Ends every stream. */
  close(): void {
    this.#closed = true;
    for (const { res } of this.#clients) res.end();
    for (const client of [...this.#clients]) this.#leave(client);
  }

  #join(client: Client, channels: readonly Channel[]): void {
    this.#clients.add(client);
    for (const channel of channels) {
      const live = this.#live.get(channel.key) ?? newLive(channel);
      this.#live.set(channel.key, live);
      live.clients.add(client);
      client.sent.set(live, 0);
    }
    this.#stopListening ??= this.#listen(() => {
      for (const live of this.#live.values()) live.changed = true;
    });
    this.#stopTicking ??= this.#time.every(TICK_MS, () => this.#tick());
    this.#send(client);
  }

  #leave(client: Client): void {
    if (!this.#clients.delete(client)) return;
    for (const live of client.sent.keys()) {
      live.clients.delete(client);
      if (live.clients.size === 0) this.#live.delete(live.channel.key);
    }
    if (this.#clients.size > 0) return;
    this.#stopTicking?.();
    this.#stopTicking = undefined;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #tick(): void {
    this.#ticks++;
    const beat = this.#ticks % BEAT_TICKS === 0;
    const now = this.#time.steady();
    for (const { res, since } of [...this.#clients]) if (now - since > MAX_STREAM_MS) res.end();
    for (const live of this.#live.values()) {
      const due = live.changed && now - live.readAt >= live.channel.everyMs - TICK_MS / 2;
      if (due || beat) void this.#refresh(live, beat);
    }
  }

  /** Reads a channel and sends the value to clients that do not have it. Never fails. */
  async #refresh(live: Live, always: boolean): Promise<void> {
    const { channel } = live;
    if (live.reading) return;
    live.reading = true;
    // A change before the first listener was not reported: the first reading is followed by another.
    live.changed = channel.polled || live.version === 0;
    live.readAt = this.#time.steady();
    try {
      const value = await channel.read(live.version > 0);
      const text = JSON.stringify(value);
      const mark = (value !== undefined && channel.fingerprint?.(value)) || text;
      if (value === undefined) this.#put(live, event('problem', GONE), 'gone');
      else if (always || mark !== live.mark) this.#put(live, event(channel.name, text), mark);
    } catch {
      live.changed = true;
      if (live.mark !== 'unreadable') this.#put(live, event('problem', UNREADABLE), 'unreadable');
    } finally {
      live.reading = false;
    }
  }

  #put(live: Live, text: string, mark: string): void {
    live.text = text;
    live.mark = mark;
    live.version++;
    for (const client of live.clients) this.#send(client);
  }

  #send(client: Client): void {
    for (const [live, version] of client.sent) {
      if (client.res.writableNeedDrain || client.res.destroyed) return;
      if (version === live.version) continue;
      client.sent.set(live, live.version);
      client.res.write(client.shared ? `id: ${live.channel.key}\n${live.text}` : live.text);
    }
  }
}

const newLive = (channel: Channel): Live => ({
  channel,
  clients: new Set(),
  text: '',
  mark: '',
  version: 0,
  readAt: Number.NEGATIVE_INFINITY,
  changed: true,
  reading: false,
});

// JSON has no line breaks, so one data line is enough.
const event = (name: string, text: string): string => `event: ${name}\ndata: ${text}\n\n`;

const GONE = JSON.stringify({ error: 'This API or path no longer exists', code: 'ERR_NOT_FOUND' });
const UNREADABLE = JSON.stringify({
  error: 'The figures cannot be read at the moment',
  code: 'ERR_INTERNAL',
});
