import type { ServerResponse } from 'node:http';
import type { ResponseHead } from '../../core/attempt.js';
import type { Exchange } from '../../core/exchange.js';
import { ADDED_UP, headerValue } from '../../http/headers.js';
import { writeHead } from '../../http/write-head.js';
import type { LateHead, LateHeads } from './late-heads.js';
import { SlowReader } from './slow-reader.js';

/** An accepted response on its way into the client's. */
export class ClientResponse implements LateHead {
  readonly #exchange: Exchange;
  readonly #res: ServerResponse;
  readonly #length: number;
  #sent = 0;
  #ended = false;
  #waiting: (() => void) | undefined;
  #reader: SlowReader | undefined;

  /**
   * @param rawHeaders for the client, flat, without hop-by-hop headers
   * @param lateHeads where a head waits whose body has a known length; any other goes out at once
   * @throws TypeError when the head holds what Node's response refuses to send
   */
  constructor(exchange: Exchange, head: ResponseHead, rawHeaders: string[], lateHeads?: LateHeads) {
    this.#exchange = exchange;
    this.#res = exchange.res;
    this.#length = bodyLength(exchange, head);
    writeHead(this.#res, head.status, sendableText(head.statusText), rawHeaders, ADDED_UP);
    if (this.#length === 0) this.end();
    // Node holds a head back until the first byte of a body, which an event stream may keep waiting.
    else if (this.#length < 0 || !lateHeads) process.nextTick(flushHead, this);
    else lateHeads.add(this);
  }

  /** The client has got everything, whatever the upstream's connection does from here on. */
  get ended(): boolean {
    return this.#ended;
  }

  /** `false` asks to wait for {@link onDrain}. A client that is gone makes nobody wait. */
  write(chunk: Buffer): boolean {
    if (this.#ended) return true;
    this.#sent += chunk.length;
    this.#exchange.bytesOut += chunk.length;
    if (this.#sent === this.#length) {
      // The last byte that was promised ends the response: one call in place of two.
      this.#ended = true;
      this.#res.end(chunk);
      return true;
    }
    return this.#res.write(chunk) || this.#res.destroyed;
  }

  /** Calls back once when more may be written, or the client has gone. */
  onDrain(resume: (() => void) | undefined): void {
    this.#waiting = resume;
    const known = this.#reader;
    this.#reader ??= new SlowReader();
    this.#reader.stalls();
    if (known) return;
    const goOn = (): void => this.#goOn();
    this.#res.on('drain', goOn).on('close', goOn);
  }

  #goOn(): void {
    this.#reader?.reads();
    const resume = this.#waiting;
    this.#waiting = undefined;
    resume?.();
  }

  end(rawTrailers: readonly string[] = []): void {
    if (this.#ended) return;
    this.#ended = true;
    if (rawTrailers.length > 0) this.#res.addTrailers(pairs(rawTrailers));
    this.#res.end();
  }

  /**
   * The client must not take what it has got so far for the whole.
   * @returns what it was cut by, as the client's doing where its target had to wait for it
   */
  cut(error: unknown): unknown {
    const blamed = this.#reader ? this.#reader.blamed(error) : error;
    if (!this.#ended) this.#res.destroy();
    return blamed;
  }

  flushIfWaiting(): void {
    if (this.#sent === 0 && !this.#ended && !this.#res.destroyed) this.#res.flushHeaders();
  }
}

function flushHead(response: ClientResponse): void {
  response.flushIfWaiting();
}

/** Bytes of the body, -1 where only its end tells; 0 for answers that have none by definition. */
function bodyLength(exchange: Exchange, head: ResponseHead): number {
  if (head.status === 204 || head.status === 304 || exchange.req.method === 'HEAD') return 0;
  const length = headerValue(head.rawHeaders, 'content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : -1;
}

const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The reason phrase with its bytes as they came; one that no response could carry is left out. */
function sendableText(text: string): string {
  if (SENDABLE.test(text)) return text;
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return SENDABLE.test(bytes) ? bytes : '';
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return list;
}
