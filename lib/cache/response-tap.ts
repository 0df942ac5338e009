import { type ServerResponse, STATUS_CODES } from 'node:http';
import { flatHeaders, headArguments } from '../http/head-arguments.js';
import {
  type HeadersBefore,
  headersBefore,
  responseHeaders,
  restoreHeaders,
  type WrittenHead,
} from './store/written-head.js';

/** What becomes of an answer whose head is about to be written. */
export type HeadVerdict =
  /** It goes to the client, with these lines added; `listen` wants to hear its body. */
  | { readonly pass: readonly string[]; readonly listen: boolean }
  /** It does not: what the handler still writes goes nowhere, see {@link AnswerTap.replace}. */
  | 'replaced';

/** Told what a handler writes to the response. */
export interface ResponseListener {
  head(head: WrittenHead): HeadVerdict;
  chunk(chunk: Buffer): void;
  /** The body is complete. Told before the client gets the end. */
  end(): void;
  /** The handler gave up: nothing more comes. */
  cut(): void;
  /** Others wait for the body, which is kept anyway: a slow client need not hold it up. */
  readonly hurries: boolean;
}

type State = 'open' | 'listening' | 'passing' | 'replaced';
type Done = (error?: Error | null) => void;

/**
 * Listens in on a response, whoever writes to it and however: with `writeHead` or fields set one by one, in one
 * piece or many. Back-pressure is the client's own.
 */
export class ResponseTap {
  readonly #res: ServerResponse;
  readonly #listener: ResponseListener;
  readonly #before: HeadersBefore;
  #state: State = 'open';

  constructor(res: ServerResponse, listener: ResponseListener) {
    this.#res = res;
    this.#listener = listener;
    this.#before = headersBefore(res);
    this.#tapHead();
    this.#tapBody();
    this.#tapDestroy();
  }

  /** Answers in place of the handler, from {@link AnswerListener.head} or before there was any. */
  replace(response: (res: ServerResponse) => void): void {
    restoreHeaders(this.#res, this.#before);
    this.#state = 'passing';
    response(this.#res);
    this.#state = 'replaced';
  }

  /** Hears nothing more. */
  release(): void {
    if (this.#state !== 'replaced') this.#state = 'passing';
  }

  /** As before any head, for another handler's answer: what the first one still writes has ended. */
  reopen(): void {
    restoreHeaders(this.#res, this.#before);
    this.#state = 'open';
  }

  // Here and below each function has a name before it becomes a property: V8 takes one that is assigned as it is
  // written for long-lived, and all that it reaches, the whole call, would grow old with it.
  #tapHead(): void {
    const res = this.#res;
    const { writeHead, flushHeaders } = res;
    const write = (args: unknown[]): ServerResponse => Reflect.apply(writeHead, res, args);

    const tappedWriteHead = (status: number, ...rest: unknown[]): ServerResponse => {
      if (this.#state === 'replaced') return res;
      if (this.#state !== 'open' || res.headersSent || status < 200) return write([status, ...rest]);
      const { text, headers } = headArguments(rest);
      const given = flatHeaders(headers);
      const verdict = this.#listener.head({
        status,
        statusText: text ?? (res.statusMessage || STATUS_CODES[status] || ''),
        rawHeaders: responseHeaders(res, this.#before, given),
      });
      if (verdict === 'replaced') {
        this.#state = 'replaced';
        return res;
      }
      this.#state = verdict.listen ? 'listening' : 'passing';
      const plain = res.getHeaderNames().length === 0;
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
    res.writeHead = tappedWriteHead;
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
      // The client has gone, and others wait for the rest.
      if (res.destroyed) return goOn(rest);
      const flows = Reflect.apply(write, res, [chunk, ...rest]);
      return flows || this.#listener.hurries;
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
    const { destroy } = res;
    const tappedDestroy = (error?: Error): ServerResponse => {
      // The client has an answer of ours; only that of the handler has broken off.
      if (this.#state === 'replaced') return res;
      const heard = this.#state !== 'passing';
      this.release();
      if (heard) this.#listener.cut();
      return destroy.call(res, error);
    };
    res.destroy = tappedDestroy;
  }

  /** What Node itself would do: a body that is given in one piece has a known length. */
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
    if (bytes.length > 0) this.#listener.chunk(bytes);
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
