import { randomFillSync } from 'node:crypto';
import type { Context, Span } from '@opentelemetry/api';
import type { Limit, Permit } from '../core/exchange.js';
import { opentelemetry } from '../core/packages/opentelemetry.js';

const TRACE_ID_BYTES = 16;
const ID_BYTES = TRACE_ID_BYTES + 8;
const ID_LENGTH = ID_BYTES * 2;
const POOL_BYTES = ID_BYTES * 256;

/** Random ids in hex; random bytes, and their text, cost little only when many are taken at once. */
export class RandomIds {
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #text = '';
  #at = 0;

  next(): string {
    if (this.#at === this.#text.length) {
      this.#text = randomFillSync(this.#pool).toString('hex');
      this.#at = 0;
    }
    this.#at += ID_LENGTH;
    return this.#text.slice(this.#at - ID_LENGTH, this.#at);
  }
}

/** A call that begins a trace which is not recorded: its targets are told so, and nothing else is done. */
export class UnrecordedCall implements Limit, Permit {
  readonly #random: RandomIds;
  readonly #hasState: boolean;
  #ids: string | undefined;

  /** @param hasState whether the client has sent a `tracestate`, which would belong to another trace */
  constructor(random: RandomIds, hasState: boolean) {
    this.#random = random;
    this.#hasState = hasState;
  }

  get span(): Span {
    const { TraceFlags, trace } = opentelemetry();
    const [traceId, spanId] = this.#idsOf();
    return trace.wrapSpanContext({ traceId, spanId, traceFlags: TraceFlags.NONE });
  }

  get context(): Context {
    const { ROOT_CONTEXT, trace } = opentelemetry();
    return trace.setSpan(ROOT_CONTEXT, this.span);
  }

  admit(): Permit {
    return this;
  }

  /** All attempts have the same: there are no spans that theirs could name. */
  sending(): readonly string[] {
    this.#ids ??= this.#random.next();
    const header = `00-${this.#ids.slice(0, TRACE_ID_BYTES * 2)}-${this.#ids.slice(TRACE_ID_BYTES * 2)}-00`;
    return this.#hasState ? ['traceparent', header, 'tracestate', ''] : ['traceparent', header];
  }

  #idsOf(): readonly [traceId: string, spanId: string] {
    this.#ids ??= this.#random.next();
    return [this.#ids.slice(0, TRACE_ID_BYTES * 2), this.#ids.slice(TRACE_ID_BYTES * 2)];
  }
}
