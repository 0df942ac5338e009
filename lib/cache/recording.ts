import type { ServerResponse } from 'node:http';
import { brokenOffBy } from '../core/cut-call.js';
import type { Exchange } from '../core/exchange.js';
import { KeptChunks } from '../core/kept-chunks.js';
import { headerValue } from '../http/headers.js';
import { bodyRefusal } from './body-refusal.js';
import { type CacheContext, keep } from './cache-context.js';
import type { FetchPlan } from './fetch-plan.js';
import { countNotStored, refusedByBody } from './not-stored.js';
import { sealEntry } from './policy/storable.js';
import { withVariant } from './policy/variants.js';
import { recordedVariant } from './recorded-body.js';
import type { EntryMeta, StoredVariant } from './store/entry.js';

/** Where a response is to be stored, and who waits for it. */
export type RecordingPlan = Pick<FetchPlan, 'key' | 'known' | 'flight' | 'ticket' | 'request' | 'reason'>;

/** A response on its way into the store, chunk by chunk. */
export class Recording {
  readonly #context: CacheContext;
  readonly #plan: RecordingPlan;
  readonly #exchange: Exchange;
  readonly #meta: EntryMeta;
  #chunks: KeptChunks | undefined = new KeptChunks();
  readonly #admitted: boolean;

  /** @param admitted it was worthwhile to store it when it began */
  constructor(
    context: CacheContext,
    plan: RecordingPlan,
    meta: EntryMeta,
    exchange: Exchange,
    admitted = true,
  ) {
    this.#admitted = admitted;
    this.#context = context;
    this.#exchange = exchange;
    this.#plan = plan;
    this.#meta = meta;
    plan.flight?.open(meta);
  }

  /** The body is too large to be stored. */
  get spilt(): boolean {
    return this.#chunks === undefined;
  }

  get status(): number {
    return this.#meta.status;
  }

  /**
   * Whether the next chunk may follow at once. Other requests wait for what is recorded here, so a slow client must not
   * hold it up.
   * @param flows whether the client's response takes more
   * @returns the responses of the others where all of them decide, since it is too large to be recorded
   */
  readers(flows: boolean): boolean | readonly ServerResponse[] {
    const { flight } = this.#plan;
    if (this.#chunks) return flows || flight?.followed === true;
    return flight?.streaming === true ? flight.readers : flows;
  }

  /** Whether it costs less to read the rest than to make another connection. */
  get endsSoon(): boolean {
    const announced = headerValue(this.#meta.rawHeaders, 'content-length');
    return (
      this.#chunks !== undefined &&
      announced !== undefined &&
      Number(announced) - this.#chunks.length <= CHEAP_BYTES
    );
  }

  /** @returns whether the rest of the body is still needed */
  chunk(chunk: Buffer): boolean {
    if (this.#chunks && this.#chunks.length + chunk.length > this.#context.options.maxEntryBytes) {
      this.#chunks = undefined;
      this.#plan.flight?.spill();
    }
    this.#chunks?.add(chunk);
    this.#plan.flight?.push(chunk);
    return this.#chunks !== undefined || this.#plan.flight?.streaming === true;
  }

  /**
   * The body is complete: stores it, unless its length differs from the announced one or it is out of date by now.
   */
  end(): void {
    const { key, known, flight, ticket } = this.#plan;
    if (!this.#chunks) {
      flight?.finish(false);
      return;
    }
    if (!this.#admitted && !isAdmitted(this.#context, this.#plan)) {
      countNotStored(this.#context, 'rarely-requested');
      this.#chunks = undefined;
      flight?.finish(false);
      return;
    }
    const meta = sealEntry(this.#meta, this.#chunks.length);
    if (!meta) {
      flight?.fail('failed');
      return;
    }
    const chunks = this.#chunks.list();
    const refusal = bodyRefusal(this.#context, this.#exchange, meta, chunks);
    if (refusal) refusedByBody(this.#context, this.#plan, meta.status, refusal);
    const stored = ticket !== undefined && !ticket.doomed && refusal === undefined;
    if (stored) keepVariant(this.#context, key, known, recordedVariant(meta, chunks));
    this.#chunks = undefined;
    flight?.finish(stored);
  }

  cut(): void {
    this.#chunks = undefined;
    this.#plan.flight?.fail('failed', brokenOffBy(this.#exchange));
  }
}

const CHEAP_BYTES = 64 * 1024;

/** Whether a response is worth its place in the store. What others wait for is, and what takes its own place. */
export function isAdmitted({ store }: CacheContext, { key, known, flight }: RecordingPlan): boolean {
  return known.length > 0 || flight?.followed === true || store.admits?.(key) !== false;
}

/** Stores a variant beside those that the key has by now. */
export function keepVariant(
  context: CacheContext,
  key: string,
  known: readonly StoredVariant[],
  variant: StoredVariant,
): void {
  if (variant.meta.varyNames.length === 0) {
    keep(context, key, [variant]);
    return;
  }
  const { store } = context;
  const current = store.peek ? store.peek(key) : store.get(key);
  // A remote store is not read again: at worst a variant that another process added is fetched again.
  const variants = current instanceof Promise ? known : (current ?? []);
  if (current instanceof Promise) current.catch(() => {});
  keep(context, key, variants.length === 0 ? [variant] : withVariant(variants, variant, context.now()));
}
