import type { ProxyListStatus } from '../core/egress-status.js';
import { type InvalidOptionError, invalidOption } from '../core/errors.js';
import type { Events } from '../core/events.js';
import { type ListContent, ListReader } from './list-reader.js';
import { type ListListener, type ListSource, openSource } from './list-source.js';
import type { ProxyList, ResolvedProxy } from './named-proxy.js';
import type { ProxyRotateEvents } from './proxy-rotate-events.js';

/** The rotation that a list is for. */
export interface ListOwner {
  /** Takes the proxies of the list in the place of those before. @returns what has changed */
  take(proxies: readonly ResolvedProxy[]): {
    readonly proxies: number;
    readonly added: number;
    readonly removed: number;
  };
  /** Calls need not wait for it any longer. */
  failed(): void;
}

const NOTHING: ListContent = { proxies: [], problems: [], wrongLines: 0 };

/** A list of proxies that follows its file or URL. What cannot be read leaves the list as it was. */
export class LiveList implements ListListener {
  readonly #api: string;
  readonly #list: ProxyList;
  readonly #source: ListSource;
  readonly #reader: ListReader;
  readonly #events: Events<ProxyRotateEvents>;
  readonly #owner: ListOwner;
  #content = NOTHING;
  /** Why it cannot be read now. */
  #failure: string | undefined;
  #readAt: number | undefined;
  #used = 0;

  /** @param known the list of the rotation that this one comes in the place of */
  constructor(
    api: string,
    list: ProxyList,
    events: Events<ProxyRotateEvents>,
    owner: ListOwner,
    known: LiveList | undefined,
  ) {
    this.#api = api;
    this.#list = list;
    this.#events = events;
    this.#owner = owner;
    this.#source = openSource(list);
    const same = known && known.#list.file === list.file && known.#list.url === list.url ? known : undefined;
    this.#reader = new ListReader(same ? same.#reader : undefined);
    if (same?.isRead) {
      this.#took(same.#content);
      this.#readAt = same.#readAt;
    }
  }

  /** It has been read at least once. */
  get isRead(): boolean {
    return this.#readAt !== undefined;
  }

  /** Neither has it been read nor has that failed. */
  get isAwaited(): boolean {
    return this.#readAt === undefined && this.#failure === undefined;
  }

  /** @throws InvalidOptionError if there is no list yet and its file cannot be read */
  begin(): void {
    try {
      const text = this.#source.readNow();
      if (text !== undefined) this.#apply(this.#reader.read(text));
    } catch (error) {
      if (!this.isRead) {
        this.#source.close();
        throw unreadable(this.#api, error, this.#list);
      }
      this.failed(codeOf(error));
    }
    this.#source.follow(this);
  }

  async changed(text: string): Promise<void> {
    this.#apply(await this.#reader.readInTurns(text));
  }

  failed(reason: string): void {
    const isKnown = this.#failure !== undefined;
    this.#failure = reason;
    this.#owner.failed();
    if (isKnown) return;
    const { shown: source } = this.#source;
    this.#events.emit('listFailed', { api: this.#api, source, reason, proxies: this.#used });
  }

  status(): ProxyListStatus {
    const { problems, wrongLines } = this.#content;
    return {
      api: this.#api,
      source: this.#source.shown,
      proxies: this.#used,
      readAt: this.#readAt,
      failure: this.#failure,
      wrongLines,
      problems,
    };
  }

  close(): void {
    this.#source.close();
  }

  /** A page of another kind, or a file that was emptied by mistake, has no proxy in it. */
  #apply(content: ListContent): void {
    if (content.proxies.length === 0 && this.#content.proxies.length > 0) {
      return this.failed('there is no proxy in it');
    }
    this.#failure = undefined;
    this.#readAt = Date.now();
    const { proxies, added, removed } = this.#took(content);
    const { wrongLines, problems } = content;
    const { shown: source } = this.#source;
    const counts = { proxies, added, removed, wrongLines };
    this.#events.emit('list', { api: this.#api, source, ...counts, problems });
  }

  #took(content: ListContent) {
    this.#content = content;
    const taken = this.#owner.take(content.proxies);
    this.#used = taken.proxies;
    return taken;
  }
}

/**
 * Reads the file of a list as the start does, and follows nothing.
 * @throws InvalidOptionError if that cannot be read
 */
export function checkList(api: string, list: ProxyList): void {
  const source = openSource(list);
  try {
    source.readNow();
  } catch (error) {
    throw unreadable(api, error, list);
  } finally {
    source.close();
  }
}

function unreadable(api: string, error: unknown, { file }: ProxyList): InvalidOptionError {
  const rule = `must be a file that can be read (${codeOf(error)}) for the API ${JSON.stringify(api)}`;
  return invalidOption('proxyRotate.proxies.file', rule, file);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
