import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ProxyError } from '../errors.js';
import { announcesBody } from '../exchange.js';

/** Bytes of request bodies that all calls together may keep to send again. */
export class BodyLedger {
  readonly #limit: number;
  #kept = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bytes: number): boolean {
    if (this.#kept + bytes > this.#limit) return false;
    this.#kept += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#kept -= bytes;
  }
}

/** The body of a call: opened anew for each attempt. */
export interface RequestBody {
  /** What goes to the target: as one buffer where all of it is here, else as it flows. */
  open(): Buffer | Readable;
  /** Another attempt would send the whole body. */
  readonly replayable: boolean;
  /** How the fields must change, where the body does not go on as it came. */
  readonly rebuilt?: { readonly contentType: string | undefined };
  /** Frees what was kept; what the client still sends is read and dropped. */
  close(): void;
}

interface ParsedBody {
  body?: unknown;
  rawBody?: unknown;
}

/**
 * The body that the client sends, or the one that a parser in front of us left on the request.
 * @param keepBytes how much of a stream is kept to be sent again; 0 keeps nothing
 * @returns `undefined` when the request has no body
 * @throws ProxyError ERR_BODY_CONSUMED when it was read and nobody kept it
 */
export function requestBody(
  req: IncomingMessage,
  keepBytes: number,
  ledger: BodyLedger,
): RequestBody | undefined {
  const { rawBody, body } = req as ParsedBody;
  if (Buffer.isBuffer(rawBody)) return bufferedBody(rawBody, req.headers['content-type']);
  if (!announcesBody(req)) return undefined;
  if (!req.readableEnded && !(req.complete && req.readableDidRead))
    return new StreamedBody(req, keepBytes, ledger);
  const rebuilt = rebuild(body, req.headers['content-type']);
  if (rebuilt) return bufferedBody(...rebuilt);
  throw new ProxyError(
    'ERR_BODY_CONSUMED',
    'The request body was read before it reached the proxy: leave it on req.body or req.rawBody, or mount the proxy first',
  );
}

function bufferedBody(buffer: Buffer, contentType: string | undefined): RequestBody {
  return { open: () => buffer, replayable: true, rebuilt: { contentType }, close: () => {} };
}

/** Writes a parsed body again, in the form its type names. */
function rebuild(body: unknown, contentType = ''): [Buffer, string] | undefined {
  if (Buffer.isBuffer(body)) return [body, contentType];
  if (typeof body === 'string') return [Buffer.from(body), contentType];
  if (body === undefined) return undefined;
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-www-form-urlencoded' && typeof body === 'object' && body !== null) {
    return [Buffer.from(formEncoded(body)), contentType];
  }
  if (type === 'application/json' || type.endsWith('+json'))
    return [Buffer.from(JSON.stringify(body)), contentType];
  return undefined;
}

function formEncoded(body: object): string {
  const form = new URLSearchParams();
  const add = (name: string, value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) add(name, item);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) add(`${name}[${key}]`, inner);
    } else form.append(name, String(value ?? ''));
  };
  for (const [name, value] of Object.entries(body)) add(name, value);
  return form.toString();
}

/**
 * A body that streams through. What has passed is kept up to a limit, so that another attempt can begin
 * with it and go on with what the client still sends; nothing waits for the whole body first.
 */
class StreamedBody implements RequestBody {
  readonly #req: IncomingMessage;
  readonly #ledger: BodyLedger;
  readonly #keepBytes: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #passedBytes = 0;
  #keeping: boolean;
  #ended = false;
  #listening = false;
  #reader: Readable | undefined;

  constructor(req: IncomingMessage, keepBytes: number, ledger: BodyLedger) {
    this.#req = req;
    this.#keepBytes = keepBytes;
    this.#ledger = ledger;
    this.#keeping = keepBytes > 0;
  }

  get replayable(): boolean {
    return this.#keeping || this.#passedBytes === 0;
  }

  open(): Buffer | Readable {
    this.#leaveReader();
    if (this.#ended && this.#keeping) return Buffer.concat(this.#kept, this.#keptBytes);
    const reader = new Readable({ read: () => this.#req.resume(), highWaterMark: 64 * 1024 });
    this.#reader = reader;
    for (const chunk of this.#kept) reader.push(chunk);
    this.#listen();
    return reader;
  }

  close(): void {
    this.#leaveReader();
    this.#forget();
    if (!this.#listening) return;
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    this.#req.resume();
  }

  /** An attempt that failed takes its reader with it, which must not take the client's stream along. */
  #leaveReader(): void {
    const reader = this.#reader;
    if (!reader) return;
    this.#reader = undefined;
    this.#req.pause();
    reader.on('error', () => {}).destroy();
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#passedBytes += chunk.length;
    if (this.#keeping) this.#keep(chunk);
    if (this.#reader && !this.#reader.push(chunk)) this.#req.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#reader?.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.#reader?.destroy(new Error('The client went away before its body was complete'));
  };

  #keep(chunk: Buffer): void {
    if (this.#keptBytes + chunk.length > this.#keepBytes || !this.#ledger.take(chunk.length)) {
      this.#keeping = false;
      this.#forget();
      return;
    }
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
  }

  #forget(): void {
    this.#ledger.give(this.#keptBytes);
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
