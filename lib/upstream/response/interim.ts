import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { ProxyError } from '../../core/errors.js';
import { joinedHeaders } from '../../http/headers.js';
import { unreadableFailure } from '../failure.js';
import type { AttemptListener, Plan } from '../transport.js';
import { interimHeaders, type ResponseRules } from './headers.js';

/** Bytes that the interim responses of one attempt may come to. */
const MAX_BYTES = 1024 * 1024;

/** The connection that they come in by. */
export interface Held {
  /** Reads nothing more from it. */
  hold(): void;
  /** Goes on reading. */
  release(): void;
}

/** The attempt that they are sent to, and what is changed in them. */
export interface InterimFacts {
  readonly plan: Plan;
  /** Hears whether the client holds them up. */
  readonly listener: Pick<AttemptListener, 'heldUp'>;
  readonly rules: Pick<ResponseRules, 'rewriteLocation'>;
}

/**
 * Passes on what comes in front of a response, whatever its status (RFC 9110 §15.2): no faster than the client reads,
 * and no more than a bound. Clients of HTTP/1.0 do not know them.
 */
export class InterimResponses {
  readonly #facts: InterimFacts;
  readonly #connection: Held;
  #bytes = 0;
  #held = false;

  constructor(facts: InterimFacts, connection: Held) {
    this.#facts = facts;
    this.#connection = connection;
  }

  /** @returns the error that ends the attempt: no response, or too many of these */
  pass(status: number, rawHeaders: readonly string[]): ProxyError | undefined {
    // No such status exists, and nobody has requested another protocol (RFC 9110 §15.2.2).
    if (status < 100 || status === 101) return unreadableFailure(`status ${status}`).error;
    this.#bytes += rawHeaders.reduce((sum, text) => sum + text.length + 2, LINE_BYTES);
    if (this.#bytes > MAX_BYTES) return unreadableFailure('more than 1 MiB of interim responses').error;
    const { plan, rules } = this.#facts;
    const { req, res, detached } = plan.exchange;
    const { httpVersionMajor, httpVersion } = req;
    // Behind another response of its connection it would be written in between its own head and body.
    if (!res.socket && httpVersionMajor === 1) return undefined;
    if (detached || res.headersSent || res.destroyed || httpVersion === '1.0') return undefined;
    if (!write(req, res, status, interimHeaders(rawHeaders, rules.rewriteLocation ? plan : undefined)))
      this.#wait(res);
    return undefined;
  }

  #wait(res: ServerResponse): void {
    if (this.#held) return;
    this.#held = true;
    this.#connection.hold();
    this.#facts.listener.heldUp(true);
    const goOn = (): void => {
      if (!this.#held) return;
      this.#held = false;
      res.off('close', goOn).socket?.off('drain', goOn);
      this.#facts.listener.heldUp(false);
      this.#connection.release();
    };
    res.once('close', goOn).socket?.once('drain', goOn);
  }
}

const LINE_BYTES = 32;

/** What Node's responses have since 26; those before can only say 102 and 103, and not every 103. */
interface Informing {
  writeInformation?(status: number, rawHeaders: readonly string[]): boolean;
  _writeRaw?(text: string, encoding: 'latin1'): boolean;
  /** HTTP/2. */
  stream?: { additionalHeaders?(headers: Record<string, string | number | string[]>): void };
}

/** @returns whether the client's connection takes more */
function write(
  { httpVersionMajor }: IncomingMessage,
  response: ServerResponse,
  status: number,
  rawHeaders: readonly string[],
): boolean {
  // Node's types know none of it.
  const res = response as object as Informing;
  try {
    if (httpVersionMajor > 1) {
      res.stream?.additionalHeaders?.({ ':status': status, ...joinedHeaders(rawHeaders) });
      return true;
    }
    if (res.writeInformation) return res.writeInformation(status, rawHeaders);
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
    return res._writeRaw?.(`${text}\r\n`, 'latin1') ?? true;
  } catch {
    // Whatever Node refuses: the call itself does not fail by it.
    return true;
  }
}
