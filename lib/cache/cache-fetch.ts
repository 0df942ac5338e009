import { ProxyError } from '../core/errors.js';
import type { Exchange, Keeper } from '../core/exchange.js';
import { failsByBody, readFailures } from './body-refusal.js';
import { type CacheContext, statusOf } from './cache-context.js';
import type { CacheStatus } from './cache-status.js';
import { Clientless } from './clientless.js';
import type { FetchPlan, Outdated } from './fetch-plan.js';
import { invalidate } from './invalidate.js';
import { learnFromHead } from './learn-from-head.js';
import { notStored, tooLarge } from './not-stored.js';
import { withOwnTags } from './own-tags.js';
import { CLIENT_CONDITIONS, revalidationHeaders } from './policy/conditional.js';
import { replaceHeaders } from './policy/conditional-request.js';
import { type RawHeaders, withoutHeaders } from './policy/headers.js';
import type { StoreRequest, StoreResponse } from './policy/storable.js';
import { freshen, validates } from './policy/validation.js';
import { isAdmitted, keepVariant, Recording } from './recording.js';
import { type HeadVerdict, type ResponseListener, ResponseTap } from './response-tap.js';
import { SharedPace } from './shared-pace.js';
import { type EntryMeta, withMeta } from './store/entry.js';
import type { WrittenHead } from './store/written-head.js';
import { sendStored } from './stored-response.js';
import { decideResponse, endStored, storeRequest, storeResponse } from './storing.js';
import { isFailure, isUpstreamFailure } from './upstream-failure.js';

type Next = (error?: unknown) => void;

/** One request to the upstream, by a client or in the background, and what the cache learns from the response. */
export class CacheFetch implements ResponseListener, Keeper {
  readonly #context: CacheContext;
  readonly #exchange: Exchange;
  readonly #plan: FetchPlan;
  readonly #next: Next;
  readonly #tap: ResponseTap;
  #outdated: Outdated | undefined;
  #recording: Recording | undefined;
  #requestedAt = 0;
  #headSeen = false;
  #failed = false;
  #over = false;
  #restore: (() => void) | undefined;
  #pace: SharedPace | undefined;
  #clientless: Clientless | undefined;

  /** @param next called where neither the upstream nor the store can provide a response */
  constructor(context: CacheContext, exchange: Exchange, plan: FetchPlan, next: Next) {
    this.#context = context;
    this.#exchange = exchange;
    this.#plan = plan;
    this.#outdated = plan.outdated;
    this.#next = next;
    this.#tap = new ResponseTap(exchange.res, this, context.site.ownsBytes && exchange.rest !== undefined);
  }

  start(): void {
    const { request } = this.#plan;
    this.#exchange.keeper = this;
    this.#exchange.onSettled(() => this.#settled());
    this.#exchange.onAbandon(() => this.#settled());
    if (this.#outdated) readFailures(this.#context, this.#exchange);
    const headers = this.#outdated?.conditional
      ? revalidationHeaders(this.#outdated.variant.meta, request.rawHeaders)
      : undefined;
    this.#send(headers);
  }

  /** The response is to a request that the key is made for, and not to another method. */
  get #isOfKey(): boolean {
    return this.#plan.reason !== 'method' && this.#plan.reason !== 'bypass';
  }

  flows(flows: boolean): boolean {
    if (!this.#recording) return flows;
    const readers = this.#recording.readers(flows);
    if (typeof readers === 'boolean') return readers;
    this.#pace ??= new SharedPace(this.#exchange.res, this.#context.options.maxEntryBytes, this.#tap);
    return this.#pace.allows(readers);
  }

  /** Nobody waits for the response any more, and little of it is missing: the next one who wants it has it at once. */
  left(): void {
    if (this.#over || !this.#context.options.finishAbandoned || this.#recording?.endsSoon !== true) return;
    this.#clientless ??= new Clientless(this.#exchange);
    this.#clientless.finish();
  }

  head(head: WrittenHead): HeadVerdict {
    this.#headSeen = true;
    this.#restore?.();
    const now = this.#context.now();
    const outdated = this.#outdated;
    if (!this.#failed && this.#isOfKey) {
      this.#context.pauses.learn(this.#plan.key, head, now);
    }
    if (outdated?.conditional && head.status === 304) return this.#notModified(outdated, head, now);
    const inBody = outdated !== undefined && failsByBody(this.#context, this.#exchange);
    if (outdated && (inBody || isFailure(head.status)) && this.#isUsable(outdated, now)) {
      const detail = inBody ? 'failure-when' : undefined;
      return this.#serveStale(outdated, now, this.#failed ? {} : { forwardStatus: head.status, detail });
    }
    if (!this.#failed) invalidate(this.#context, this.#exchange, this.#plan.request, head);
    // The response to this very request is the newest there is.
    if (this.#plan.ticket && this.#plan.reason === 'method') this.#plan.ticket.doomed = false;
    if (outdated && this.#plan.request.method === 'HEAD' && head.status === 200) {
      learnFromHead(this.#context, this.#exchange, this.#plan, {
        variant: outdated.variant,
        response: this.#storeResponse(head, now),
      });
    }
    return this.#pass(head, now);
  }

  chunk(chunk: Buffer): void {
    const recording = this.#recording;
    if (!recording) return;
    this.#clientless?.heard();
    const before = recording.spilt;
    const goesOn = recording.chunk(chunk);
    if (recording.spilt && !before) {
      const ends = { status: recording.status, ofKey: this.#isOfKey };
      tooLarge(this.#context, this.#exchange, this.#plan, ends);
    }
    if (goesOn) return;
    this.end();
    this.#tap.release();
  }

  end(): void {
    this.#recording?.end();
    this.#finish();
  }

  cut(): void {
    this.#recording?.cut();
    this.#fail('failed');
  }

  #send(headers: RawHeaders | undefined): void {
    if (headers) this.#restore = replaceHeaders(this.#exchange.req, headers);
    this.#requestedAt = this.#context.now();
    this.#plan.run((error) => {
      if (error === undefined || error === null) this.#next();
      else this.#failedWith(error);
    });
  }

  /** The handlers behind the cache have failed. */
  #failedWith(error: unknown): void {
    this.#restore?.();
    this.#failed = true;
    const now = this.#context.now();
    const outdated = this.#outdated;
    if (outdated && !this.#headSeen && isUpstreamFailure(error) && this.#isUsable(outdated, now)) {
      // The client gets a response after all.
      this.#exchange.error = undefined;
      this.#serveStale(outdated, now, { detail: error instanceof ProxyError ? error.code : undefined });
      return;
    }
    this.#fail('failed');
    this.#next(error);
  }

  /** Whether a client may get the stored response in place of a failure; not if it was ended in the meantime. */
  #isUsable({ usableOnErrorUntil }: Outdated, now: number): boolean {
    return !this.#exchange.detached && this.#plan.ticket?.doomed !== true && now < usableOnErrorUntil;
  }

  /** Sends the stored response in place of a failure. */
  #serveStale(
    outdated: Outdated,
    now: number,
    why: { forwardStatus?: number; detail?: string | undefined },
  ): HeadVerdict {
    this.#exchange.cache = 'stale';
    this.#context.tally.stale++;
    this.#fail('failed');
    const { meta } = outdated.variant;
    const ttlMs = meta.freshUntil - now;
    return this.#respond(outdated, meta, now, { hit: false, forward: this.#plan.reason, ttlMs, ...why });
  }

  #respond({ variant }: Outdated, meta: EntryMeta, now: number, status: CacheStatus): HeadVerdict {
    // No client waits for a background request.
    if (this.#exchange.detached) return PASS;
    const value = statusOf(this.#context, status);
    this.#tap.replace((res) => sendStored(res, this.#plan.request, withMeta(variant, meta), now, value));
    return 'replaced';
  }

  #notModified(outdated: Outdated, head: WrittenHead, now: number): HeadVerdict {
    const { key, known, flight, reason, ticket } = this.#plan;
    const { meta } = outdated.variant;
    if (!validates(meta, head.rawHeaders, now)) {
      this.#context.store.delete(key);
      // The handler still has to end this response; nothing of it reaches the client.
      process.nextTick(() => this.#requestAnew());
      return 'replaced';
    }
    const response = this.#storeResponse(head, now);
    const { rawHeaders, decision } = freshen(meta, this.#storeRequest(), response, this.#context.policy);
    const stored = decision.store && ticket?.doomed === false;
    if (stored)
      keepVariant(this.#context, key, known, withMeta(outdated.variant, this.#tagged(decision.meta)));
    else endStored(this.#context, key);
    this.#exchange.cache = 'revalidated';
    this.#context.tally.revalidated++;
    flight?.finish(stored);
    this.#finish();
    const fresh = { ...(decision.store ? decision.meta : meta), rawHeaders };
    const ttlMs = fresh.freshUntil - now;
    return this.#respond(outdated, fresh, now, {
      hit: false,
      forward: reason,
      forwardStatus: 304,
      stored,
      ttlMs,
    });
  }

  /** The 304 was about another response than the stored one: requests it anew, without a condition. */
  #requestAnew(): void {
    this.#outdated = undefined;
    this.#headSeen = false;
    this.#tap.reopen();
    if (this.#plan.repeatable) this.#send(withoutHeaders(this.#plan.request.rawHeaders, CLIENT_CONDITIONS));
    else
      this.#failedWith(
        new ProxyError(
          'ERR_UPSTREAM_PROTOCOL',
          'The upstream confirmed another response than the stored one',
        ),
      );
  }

  #pass(head: WrittenHead, now: number): HeadVerdict {
    const { reason } = this.#plan;
    const { tally } = this.#context;
    const bypassed = reason === 'method' || reason === 'request' || reason === 'bypass';
    this.#exchange.cache = bypassed && !this.#outdated ? 'bypass' : 'miss';
    if (this.#exchange.cache === 'miss') tally.misses++;
    else tally.bypassed++;
    const response = this.#storeResponse(head, now);
    const decision = decideResponse(this.#context, this.#exchange, this.#plan, response, this.#failed);
    const stored = decision.store;
    const admitted = stored && isAdmitted(this.#context, this.#plan);
    if (decision.store) {
      const meta = this.#tagged(decision.meta);
      this.#recording = new Recording(this.#context, this.#plan, meta, this.#exchange, admitted);
    } else {
      const why = { reason: decision.reason, failed: this.#failed, ofKey: this.#isOfKey };
      this.#fail(notStored(this.#context, this.#exchange, this.#plan, head, why));
    }
    const detail = admitted ? undefined : decision.store ? 'rarely-requested' : decision.reason;
    const { storeIf, failureWhen } = this.#context.options;
    // What the body decides is not known yet.
    const sure = admitted && storeIf === undefined && failureWhen === undefined;
    const value = statusOf(this.#context, { hit: false, forward: reason, stored: sure, detail });
    return { pass: value === undefined ? [] : ['Cache-Status', value], listen: stored };
  }

  #storeRequest(): StoreRequest {
    return storeRequest(this.#context, this.#exchange, this.#plan);
  }

  #storeResponse(head: WrittenHead, now: number): StoreResponse {
    return storeResponse(this.#context, this.#exchange, head, this.#requestedAt, now);
  }

  #tagged(meta: EntryMeta): EntryMeta {
    return withOwnTags(this.#context, this.#exchange, meta);
  }

  #settled(): void {
    this.#restore?.();
    if (this.#over) return;
    const { abandoned, attempts } = this.#exchange;
    // The client has left and others wait: forward() goes on for them, a foreign handler may have stopped. Before its
    // head the next of those who wait may as well try.
    if (abandoned || (attempts.length === 0 && !this.#recording)) return this.cut();
    if (attempts.length > 0) return;
    this.#clientless ??= new Clientless(this.#exchange);
    this.#clientless.watch(this.#context.options.coalesceTimeoutMs, () => this.cut());
  }

  #fail(reason: 'failed' | 'refused' | 'not-shared'): void {
    this.#plan.flight?.fail(reason);
    this.#finish(reason === 'failed');
  }

  #finish(failed = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#clientless?.close();
    this.#pace?.close();
    this.#plan.done(failed);
  }
}

const PASS: HeadVerdict = { pass: [], listen: false };
