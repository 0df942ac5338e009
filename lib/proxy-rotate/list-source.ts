import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { realTime, type StopTimer, type Time } from '../core/time.js';
import type { ProxyList } from './named-proxy.js';

/** Of a list; a longer one is not read. */
const MAX_BYTES = 16 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 10_000;
/** A file that has not changed for this long has been written completely. */
const SETTLE_MS = 100;

/** Hears of a list's text. */
export interface ListListener {
  /** The list has another text. Resolves when it has been taken over. */
  changed(text: string): Promise<void>;
  /** The list could not be read: the one before stays. It shows nothing secret. */
  failed(reason: string): void;
}

/** Where a list is kept: looks at it again and again. */
export interface ListSource {
  /** For logs and status; it holds no credential. */
  readonly shown: string;
  /** Reads it at once where that is possible. @returns `undefined` if it takes a while. @throws if it cannot be read */
  readNow(): string | undefined;
  /** Begins to look for changes. */
  follow(listener: ListListener): void;
  close(): void;
}

export function openSource({ file, url = '', refreshMs }: ProxyList, time: Time = realTime): ListSource {
  return file === undefined
    ? new UrlSource(url, refreshMs ?? 300_000, time)
    : new FileSource(resolve(file), refreshMs ?? 30_000, time);
}

/** Runs one look at a time; what is asked for meanwhile follows it. */
class Looks {
  #running = false;
  #again = false;
  #closed = false;
  readonly #look: () => Promise<void>;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  get closed(): boolean {
    return this.#closed;
  }

  request(): void {
    if (this.#closed) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    const ended = () => {
      this.#running = false;
      if (!this.#again) return;
      this.#again = false;
      this.request();
    };
    this.#look().then(ended, ended);
  }

  close(): void {
    this.#closed = true;
  }
}

class FileSource implements ListSource {
  readonly shown: string;
  readonly #path: string;
  readonly #refreshMs: number;
  readonly #time: Time;
  readonly #looks = new Looks(() => this.#look());
  #listener: ListListener | undefined;
  #watcher: FSWatcher | undefined;
  #stopPolling: StopTimer | undefined;
  #stopSettling: StopTimer | undefined;
  /** State of the file that was read last. */
  #read = '';

  constructor(path: string, refreshMs: number, time: Time) {
    this.shown = path;
    this.#path = path;
    this.#refreshMs = refreshMs;
    this.#time = time;
  }

  readNow(): string {
    const before = statSync(this.#path, { bigint: true });
    // To read a device or a pipe may never end.
    if (!before.isFile()) throw Object.assign(new Error(NO_FILE), { code: NO_FILE });
    if (before.size > MAX_BYTES) throw new Error(TOO_LONG);
    const text = readFileSync(this.#path, 'utf8');
    this.#read = stateOf(before);
    return text;
  }

  follow(listener: ListListener): void {
    this.#listener = listener;
    this.#stopPolling = this.#time.every(this.#refreshMs, () => this.#looks.request());
    try {
      // The folder, not the file: programs replace the file, and Kubernetes switches a symbolic link beside it.
      this.#watcher = watch(dirname(this.#path), { persistent: false }, () => this.#soon());
      // The slow look goes on.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // As where the system has no watches left: the slow look remains.
    }
  }

  close(): void {
    this.#looks.close();
    this.#watcher?.close();
    this.#stopPolling?.();
    this.#stopSettling?.();
  }

  #soon(): void {
    this.#stopSettling ??= this.#time.after(SETTLE_MS, () => {
      this.#stopSettling = undefined;
      this.#looks.request();
    });
  }

  async #look(): Promise<void> {
    try {
      const before = await stat(this.#path, { bigint: true });
      const state = stateOf(before);
      if (state === this.#read) return;
      if (!before.isFile()) return this.#failed(NO_FILE);
      if (before.size > MAX_BYTES) return this.#failed(TOO_LONG);
      const text = await readFile(this.#path, 'utf8');
      // It is still being written.
      if (stateOf(await stat(this.#path, { bigint: true })) !== state) return this.#soon();
      this.#read = state;
      if (!this.#looks.closed) await this.#listener?.changed(text);
    } catch (error) {
      this.#read = '';
      this.#failed(reasonOf(error));
    }
  }

  #failed(reason: string): void {
    if (!this.#looks.closed) this.#listener?.failed(reason);
  }
}

class UrlSource implements ListSource {
  readonly shown: string;
  readonly #url: URL;
  readonly #headers: Record<string, string> = { accept: 'text/plain, */*;q=0.5' };
  readonly #refreshMs: number;
  readonly #time: Time;
  readonly #looks = new Looks(() => this.#look());
  readonly #abort = new AbortController();
  #listener: ListListener | undefined;
  #stopPolling: StopTimer | undefined;
  #etag: string | undefined;

  constructor(text: string, refreshMs: number, time: Time) {
    const url = new URL(text);
    // Sellers of proxies put tokens in its path and query.
    this.shown = url.origin;
    if (url.username !== '' || url.password !== '') {
      const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      this.#headers.authorization = `Basic ${Buffer.from(login, 'utf8').toString('base64')}`;
      url.username = '';
      url.password = '';
    }
    this.#url = url;
    this.#refreshMs = refreshMs;
    this.#time = time;
  }

  readNow(): undefined {
    return undefined;
  }

  follow(listener: ListListener): void {
    this.#listener = listener;
    this.#stopPolling = this.#time.every(this.#refreshMs, () => this.#looks.request());
    this.#looks.request();
  }

  close(): void {
    this.#looks.close();
    this.#abort.abort();
    this.#stopPolling?.();
  }

  async #look(): Promise<void> {
    const listener = this.#listener;
    if (!listener) return;
    try {
      const text = await this.#fetched();
      if (this.#looks.closed) return;
      if (text !== undefined) await listener.changed(text);
    } catch (error) {
      this.#etag = undefined;
      if (!this.#looks.closed) listener.failed(reasonOf(error));
    }
  }

  /** @returns `undefined` if it has not changed */
  async #fetched(): Promise<string | undefined> {
    const headers =
      this.#etag === undefined ? this.#headers : { ...this.#headers, 'if-none-match': this.#etag };
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
    const response = await fetch(this.#url, { headers, signal });
    if (response.status === 304) return undefined;
    if (response.status !== 200 || !response.body) {
      await response.body?.cancel();
      throw new Error(`status ${response.status}`);
    }
    const text = await textOf(response.body);
    this.#etag = response.headers.get('etag') ?? undefined;
    return text;
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(TOO_LONG);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const NO_FILE = 'it is no regular file';
const TOO_LONG = `it is longer than ${MAX_BYTES / 1024 / 1024} MiB`;

const stateOf = ({ ino, size, mtimeNs }: { ino: bigint; size: bigint; mtimeNs: bigint }) =>
  `${ino} ${size} ${mtimeNs}`;

/** A code, or a message of ours; messages of others may hold the URL. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `no response within ${FETCH_TIMEOUT_MS / 1000} s`;
  const code = codeOf(error) ?? codeOf(error.cause);
  if (code !== undefined) return code;
  return error.message === TOO_LONG || error.message.startsWith('status ')
    ? error.message
    : 'the connection failed';
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
