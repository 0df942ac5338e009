import { randomUUID } from 'node:crypto';
import type { Attempt, SentRequest } from '../core/attempt.js';
import type { Exchange, Limit, Permit } from '../core/exchange.js';
import { idempotencyKeySchema, type ResolvedRetry } from './retry-options.js';

/** Sends the same key with all attempts of an unsafe call. One instance serves every call of a policy. */
export class IdempotencyKeys implements Limit, Permit {
  readonly #header: string;
  readonly #lowerHeader: string;
  readonly #methods: ReadonlySet<string>;
  readonly #quoted: boolean;

  constructor(options: Exclude<ResolvedRetry['idempotencyKey'], false>) {
    const { header, methods, quoted } = options === true ? idempotencyKeySchema.parse({}) : options;
    this.#header = header;
    this.#lowerHeader = header.toLowerCase();
    this.#methods = new Set(methods);
    this.#quoted = quoted;
  }

  /** Whether calls with this method get a key. */
  covers(method: string): boolean {
    return this.#methods.has(method);
  }

  admit(): Permit {
    return this;
  }

  sending(_attempt: Attempt, exchange: Exchange, { method }: SentRequest): readonly string[] | undefined {
    if (!this.#methods.has(method)) return undefined;
    exchange.idempotencyKey ??= this.#keyOf(exchange);
    return exchange.idempotencyKey;
  }

  #keyOf({ req, detached }: Exchange): readonly [string, string] | undefined {
    // A detached call has the headers of a client that already has its response: with that client's key the target
    // would only repeat it.
    const own = detached ? [] : this.#ownHeaders(req.rawHeaders);
    // Nobody knows which of several keys the target would use, if any.
    if (own.length > 1) return undefined;
    const [header] = own;
    if (header && header[1] !== '') return header;
    const key = randomUUID();
    return [this.#header, this.#quoted ? `"${key}"` : key];
  }

  #ownHeaders(rawHeaders: readonly string[]): (readonly [string, string])[] {
    const own: (readonly [string, string])[] = [];
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      if (name.toLowerCase() === this.#lowerHeader) own.push([name, rawHeaders[i + 1] ?? '']);
    }
    return own;
  }
}
