import type { ServerResponse } from 'node:http';
import type { ResponseHead } from '../../core/attempt.js';
import type { Exchange } from '../../core/exchange.js';
import { lingerWhileUploading } from '../../core/linger.js';
import { sendableReason } from '../../http/head-problem.js';
import { ADDED_UP, headerValue } from '../../http/headers.js';
import { writeHead } from '../../http/write-head.js';
import { sendableTrailers } from './headers.js';
import type { LateHead, LateHeads } from './late-heads.js';

/** An accepted response on its way into the client's. */
export class ClientResponse implements LateHead {
  readonly #exchange: Exchange;
  readonly #res: ServerResponse;
  readonly #length: number;
  #sent = 0;
  #ended = false;
  #waiting: (() => void) | undefined;
  #listens = false;

  /**
   * @param rawHeaders for the client, flat, without hop-by-hop headers
   * @param lateHeads where a head waits whose body has a known length; any other goes out at once
   * @throws TypeError when the head holds what Node's response refuses to send
   */
  constructor(exchange: Exchange, head: ResponseHead, rawHeaders: string[], lateHeads?: LateHeads) {
    this.#exchange = exchange;
    this.#res = exchange.res;
    this.#length = bodyLength(exchange, head);
    writeHead(this.#res, head.status, sendableReason(head.statusText), rawHeaders, ADDED_UP);
    lingerWhileUploading(exchange.req);
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
    if (this.#listens) return;
    this.#listens = true;
    const goOn = (): void => this.#goOn();
    this.#res.on('drain', goOn).on('close', goOn);
  }

  #goOn(): void {
    const resume = this.#waiting;
    this.#waiting = undefined;
    resume?.();
  }

  end(rawTrailers: readonly string[] = []): void {
    if (this.#ended) return;
    this.#ended = true;
    if (rawTrailers.length > 0) this.#res.addTrailers(sendableTrailers(rawTrailers));
    this.#res.end();
  }

  /** The client must not take what it has got so far for the whole. */
  cut(): void {
    if (!this.#ended) this.#res.destroy();
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
