import type { Attempt } from '../core/attempt.js';
import type { Exchange } from '../core/exchange.js';
import { mayTellUsage, UsageReader } from '../http/usage.js';
import type { Quota, Token } from './quota/quota.js';

/** Weight of one response in the mean. */
const MEAN_WEIGHT = 0.1;

/** Charges the limits that count tokens with what the responses tell. */
export class UsageMeter {
  readonly #pointer: string;
  readonly #quota: Quota;
  #mean = 0;

  /** @param pointer the JSON Pointer of the number in a response */
  constructor(pointer: string, quota: Quota) {
    this.#pointer = pointer;
    this.#quota = quota;
  }

  /** Begins with the head of a response, which its body follows. */
  open(token: Token, attempt: Attempt, exchange: Exchange): Bill | undefined {
    const { outcome } = attempt;
    if (outcome?.kind !== 'response' || !mayTellUsage(outcome.head.rawHeaders)) {
      this.#quota.settle(token, 0);
      return undefined;
    }
    const reader = new UsageReader(this.#pointer, outcome.head.rawHeaders);
    exchange.bodyTap = (chunk) => reader.add(chunk);
    return { attempt, end: () => this.#settle(token, attempt, exchange, reader) };
  }

  #settle(token: Token, { outcome, end }: Attempt, exchange: Exchange, reader: UsageReader): void {
    exchange.bodyTap = undefined;
    // One that is retried is not passed on; its body is known where a stage has judged it.
    if (end?.kind === 'discarded' && outcome?.kind === 'response' && outcome.body)
      reader.add(outcome.body.bytes);
    let used = reader.read();
    if (used !== undefined)
      this.#mean = this.#mean === 0 ? used : this.#mean + (used - this.#mean) * MEAN_WEIGHT;
    // It has used something, and can no longer tell how much.
    else used = end?.kind === 'cancelled' || end?.kind === 'failure' ? Math.ceil(this.#mean) : 0;
    this.#quota.settle(token, used);
  }
}

/** What a response has used, once its body has ended. */
export interface Bill {
  readonly attempt: Attempt;
  end(): void;
}
