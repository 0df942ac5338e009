import { type ServerResponse, STATUS_CODES } from 'node:http';
import { flatHeaders, headArguments } from '../http/head-arguments.js';
import { reasonOf } from '../http/reason.js';
import { replaceWriteHead, takesLists } from '../http/takes-lists.js';
import {
  type HeadersBefore,
  headersBefore,
  responseHeaders,
  restoreHeaders,
  type WrittenHead,
} from './store/written-head.js';

/** What happens to a response whose head is about to be written. */
export type HeadVerdict =
  /** It goes to the client, with these header lines added; `listen` subscribes to its body. */
  | { readonly pass: readonly string[]; readonly listen: boolean }
  /** It does not: what the handler still writes is discarded, see {@link ResponseTap.replace}. */
  | 'replaced';

/** Receives what a handler writes to the response. */
export interface ResponseListener {
  head(head: WrittenHead): HeadVerdict;
  chunk(chunk: Buffer): void;
  /** The body is complete. Called before the client gets its end. */
  end(): void;
  /** The handler gave up: nothing more follows. */
  cut(): void;
  /**
   * Whether the handler may write more. If not, `drain` has to be emitted on the response.
   * @param flows whether the client's response takes more
   */
  flows(flows: boolean): boolean;
}

type State = 'open' | 'listening' | 'passing' | 'replaced';
type Done = (error?: Error | null) => void;

/**
 * Observes a response, whoever writes it and however: with `writeHead` or headers set one by one, in one chunk or
 * many. Back-pressure stays the client's own.
 */
export class ResponseTap {
  readonly #res: ServerResponse;
  readonly #listener: ResponseListener;
  readonly #before: HeadersBefore;
  readonly #ownsBytes: boolean;
  #state: State = 'open';
  readonly #destroy: ServerResponse['destroy'];

  /**
   * @param ownsBytes whoever writes never changes what it has written. Others may use a buffer again once it is on its
   * way: what they write is copied
   */
  constructor(res: ServerResponse, listener: ResponseListener, ownsBytes: boolean) {
    this.#ownsBytes = ownsBytes;
    this.#res = res;
    this.#listener = listener;
    this.#before = headersBefore(res);
    this.#destroy = res.destroy;
    this.#tapHead();
    this.#tapBody();
    this.#tapDestroy();
  }

  /**
   * Sends another response in place of the handler's, from within {@link ResponseListener.head} or before any head.
   */
  replace(respond: (res: ServerResponse) => void): void {
    restoreHeaders(this.#res, this.#before);
    this.#state = 'passing';
    respond(this.#res);
    this.#state = 'replaced';
  }

  /** Stops observing. */
  release(): void {
    if (this.#state !== 'replaced') this.#state = 'passing';
  }

  /** Breaks the client's response off; what the handler still writes is listened to. */
  dropClient(): void {
    this.#destroy.call(this.#res);
  }

  /** Resets to the state before any head, for another handler's response: what the first one still writes is over. */
  reopen(): void {
    restoreHeaders(this.#res, this.#before);
    this.#state = 'open';
  }

  // Here and below each function is assigned to a variable before it becomes a property. V8 allocates a function that
  // is written directly into the assignment as long-lived, and all that it references, the whole request, would
  // become long-lived with it.
  #tapHead(): void {
    const res = this.#res;
    const { writeHead, flushHeaders } = res;
    const inLists = takesLists(res);
    const write = (args: unknown[]): ServerResponse => Reflect.apply(writeHead, res, args);

    const tappedWriteHead = (status: number, ...rest: unknown[]): ServerResponse => {
      if (this.#state === 'replaced') return res;
      if (this.#state !== 'open' || res.headersSent || status < 200) return write([status, ...rest]);
      const { text, headers } = headArguments(rest);
      const given = flatHeaders(headers);
      const verdict = this.#listener.head({
        status,
        statusText: text ?? (reasonOf(res) || STATUS_CODES[status] || ''),
        rawHeaders: responseHeaders(res, this.#before, given),
      });
      if (verdict === 'replaced') {
        this.#state = 'replaced';
        return res;
      }
      this.#state = verdict.listen ? 'listening' : 'passing';
      const plain = inLists && res.getHeaderNames().length === 0;
      if (plain && (headers === undefined || Array.isArray(headers))) {
        const lines = [...given, ...verdict.pass];
        return write(text === undefined ? [status, lines] : [status, text, lines]);
      }
      for (let i = 0; i + 1 < verdict.pass.length; i += 2) {
        res.appendHeader(verdict.pass[i] ?? '', verdict.pass[i + 1] ?? '');
      }
      return write([status, ...rest]);
    };

    const tappedFlush = (): void => {
      if (this.#state === 'open' && !res.headersSent) res.writeHead(res.statusCode);
      if (this.#state !== 'replaced') flushHeaders.call(res);
    };
    replaceWriteHead(res, tappedWriteHead);
    res.flushHeaders = tappedFlush;
  }

  #tapBody(): void {
    const res = this.#res;
    const { write, end } = res;

    const tappedWrite = (chunk: unknown, ...rest: unknown[]): boolean => {
      if (this.#state === 'open' && !res.headersSent) res.writeHead(res.statusCode);
      if (this.#state === 'replaced') return goOn(rest);
      if (this.#state !== 'listening') return Reflect.apply(write, res, [chunk, ...rest]);
      this.#hear(chunk, rest[0]);
      // The client has left, and others wait for the rest.
      if (res.destroyed) {
        goOn(rest);
        return this.#listener.flows(true);
      }
      return this.#listener.flows(Reflect.apply(write, res, [chunk, ...rest]));
    };

    const tappedEnd = (...args: unknown[]): ServerResponse => {
      const [chunk, encoding] = typeof args[0] === 'function' ? [] : args;
      if (this.#state === 'open' && !res.headersSent) this.#headAtEnd(chunk, encoding);
      if (this.#state === 'replaced') {
        goOn(args);
        return res;
      }
      if (this.#state === 'listening') {
        if (chunk !== undefined && chunk !== null) this.#hear(chunk, encoding);
        this.#state = 'passing';
        this.#listener.end();
      }
      return Reflect.apply(end, res, args);
    };
    res.write = tappedWrite;
    res.end = tappedEnd;
  }

  #tapDestroy(): void {
    const res = this.#res;
    const destroy = this.#destroy;
    const tappedDestroy = (error?: Error): ServerResponse => {
      // The client has our response; only the handler's has broken off.
      if (this.#state === 'replaced') return res;
      const heard = this.#state !== 'passing';
      this.release();
      if (heard) this.#listener.cut();
      return destroy.call(res, error);
    };
    res.destroy = tappedDestroy;
  }

  /** What Node itself would do: a body passed in one piece has a known length. */
  #headAtEnd(chunk: unknown, encoding: unknown): void {
    const res = this.#res;
    const framed = ['content-length', 'transfer-encoding', 'trailer'].some((name) => res.hasHeader(name));
    const bodiless = res.statusCode === 204 || res.statusCode === 304 || res.req.method === 'HEAD';
    if (!framed && !bodiless) {
      const length = chunk === undefined || chunk === null ? 0 : bytesOf(chunk, encoding).length;
      res.setHeader('Content-Length', length);
    }
    res.writeHead(res.statusCode);
  }

  #hear(chunk: unknown, encoding: unknown): void {
    const bytes = bytesOf(chunk, encoding);
    if (bytes.length === 0) return;
    const isOwn = this.#ownsBytes || typeof chunk === 'string';
    this.#listener.chunk(isOwn ? bytes : Buffer.from(bytes));
  }
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (typeof chunk !== 'string') return Buffer.alloc(0);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/** Calls back as if it had been written. */
function goOn(args: readonly unknown[]): true {
  const done = args.find((arg): arg is Done => typeof arg === 'function');
  if (done) process.nextTick(done);
  return true;
}
