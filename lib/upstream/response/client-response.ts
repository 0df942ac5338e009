import { ServerResponse } from 'node:http';
import type { ResponseHead } from '../../core/attempt.js';
import { breakOff } from '../../core/break-off.js';
import type { Exchange } from '../../core/exchange.js';
import { lingerWhileUploading } from '../../core/linger.js';
import { sendableReason } from '../../http/head-problem.js';
import { ADDED_UP, headerValue } from '../../http/headers.js';
import { writeHead } from '../../http/write-head.js';
import { flushOf } from './flush.js';
import type { LateHead, LateHeads } from './late-heads.js';
import { addTrailers } from './trailers.js';

/** Writes an accepted response to the client's. */
export class ClientResponse implements LateHead {
  readonly #exchange: Exchange;
  readonly #res: ServerResponse;
  readonly #head: ResponseHead;
  readonly #length: number;
  #sent = 0;
  #ended = false;
  #waiting: (() => void) | undefined;
  #listens = false;
  readonly #flush: (() => void) | undefined;

  /**
   * @param rawHeaders for the client, flat, without hop-by-hop headers
   * @param lateHeads holds a head whose body has a known length for a moment; any other is sent at once
   * @param method the one that was sent, which may not be the client's
   * @throws TypeError if Node refuses to send a part of the head
   */
  constructor(
    exchange: Exchange,
    head: ResponseHead,
    rawHeaders: string[],
    lateHeads?: LateHeads,
    method?: string,
  ) {
    this.#exchange = exchange;
    this.#res = exchange.res;
    this.#head = head;
    this.#length = method === 'HEAD' ? 0 : bodyLength(exchange, head);
    this.#flush = flushOf(this.#res, head.rawHeaders);
    writeHead(this.#res, head.status, sendableReason(head.statusText), rawHeaders, ADDED_UP);
    lingerWhileUploading(exchange.req);
    if (this.#length === 0) this.end();
    // Node holds the head back until the first byte of the body, which an event stream may delay.
    else if (this.#length < 0 || !lateHeads) process.nextTick(flushHead, this);
    else lateHeads.add(this);
  }

  /** All bytes were given to the client's response; what happens to the upstream's connection no longer matters. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * `false`: wait for {@link onDrain} before the next write. A client that has gone does not make the upstream wait.
   */
  write(chunk: Buffer): boolean {
    if (this.#ended) return true;
    this.#sent += chunk.length;
    this.#exchange.bytesOut += chunk.length;
    this.#exchange.bodyTap?.(chunk);
    if (this.#sent === this.#length) {
      // The last byte of the announced length ends the response: one call instead of two.
      this.#ended = true;
      if (chunk.length === this.#length) endWith(this.#res, chunk);
      else this.#res.end(chunk);
      return true;
    }
    const flows = this.#res.write(chunk);
    this.#flush?.();
    if (flows) return true;
    // A call that others wait for goes on without its client, at their pace.
    const { settled, abandoned } = this.#exchange;
    return this.#res.destroyed && (!settled || abandoned);
  }

  /** Calls back once when more can be written, or the client has gone. */
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
    if (rawTrailers.length > 0) addTrailers(this.#res, rawTrailers, this.#head.rawHeaders);
    this.#res.end();
  }

  /** Breaks the response off, so that the client does not take a part for the whole. */
  cut(): void {
    if (!this.#ended) breakOff(this.#res);
  }

  flushIfWaiting(): void {
    if (this.#sent === 0 && !this.#ended && !this.#res.destroyed) this.#res.flushHeaders();
  }
}

const { end } = ServerResponse.prototype;
const SHORT_BYTES = 8192;

/**
 * Ends a response with all of its body. Node joins a string to a head that is still to be sent, and writes one piece;
 * a buffer makes it write a list of two, which costs more where the body is short. Whatever others have put in place
 * of `end` gets the buffer.
 */
function endWith(res: ServerResponse, body: Buffer): void {
  if (body.length <= SHORT_BYTES && res.end === end) res.end(body.toString('latin1'), 'latin1');
  else res.end(body);
}

function flushHead(response: ClientResponse): void {
  response.flushIfWaiting();
}

/** Bytes of the body: -1 if unknown, 0 for responses that have none by definition. */
function bodyLength(exchange: Exchange, head: ResponseHead): number {
  if (head.status === 204 || head.status === 304 || exchange.req.method === 'HEAD') return 0;
  const length = headerValue(head.rawHeaders, 'content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : -1;
}
