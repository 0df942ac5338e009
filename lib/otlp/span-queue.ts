import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { realTime, type StopTimer, type Time } from '../core/time.js';
import { positiveNumber } from './environment.js';
import type { OtlpHealth } from './otlp-health.js';
import { atMost, type Exporter, sendBatch } from './sender.js';

const SAMPLED = 1;

/**
 * Holds ended spans until they are sent, one batch at a time. It is bounded: while the collector takes none, further
 * spans are counted and dropped. The SDK's own does not tell how many it drops, and its timers outlive it.
 */
export class SpanQueue implements SpanProcessor {
  readonly #exporter: Exporter<ReadableSpan[]>;
  readonly #health: OtlpHealth;
  readonly #time: Time;
  readonly #maxSpans = positiveNumber('OTEL_BSP_MAX_QUEUE_SIZE', 2048);
  readonly #maxBatch = Math.min(this.#maxSpans, positiveNumber('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512));
  readonly #delayMs = positiveNumber('OTEL_BSP_SCHEDULE_DELAY', 5000);
  #spans: ReadableSpan[] = [];
  #sending: Promise<void> | undefined;
  #stopTimer: StopTimer | undefined;
  #closed = false;

  constructor(exporter: Exporter<ReadableSpan[]>, health: OtlpHealth, time: Time = realTime) {
    this.#exporter = exporter;
    this.#health = health;
    this.#time = time;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#closed || (span.spanContext().traceFlags & SAMPLED) === 0) return;
    if (this.#spans.length >= this.#maxSpans) return this.#health.dropped();
    this.#spans.push(span);
    if (this.#sending !== undefined) return;
    if (this.#spans.length >= this.#maxBatch) void this.forceFlush();
    else this.#wait();
  }

  /** Sends all that it holds. */
  forceFlush(): Promise<void> {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#spans.length > 0) this.#wait();
    });
    return this.#sending;
  }

  /** Sends what it holds, for as long as `withinMs`. */
  async close(withinMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await atMost(withinMs, this.forceFlush());
    this.#stopTimer?.();
    for (const _span of this.#spans) this.#health.dropped();
    this.#spans = [];
    // Nobody waits for the end of what is still under way.
    this.#exporter.shutdown().catch(() => {});
  }

  shutdown(): Promise<void> {
    return this.close(0);
  }

  async #sendAll(): Promise<void> {
    while (this.#spans.length > 0) {
      const batch = this.#spans.splice(0, this.#maxBatch);
      await sendBatch(this.#exporter, this.#health, batch, batch.length);
    }
  }

  #wait(): void {
    this.#stopTimer ??= this.#time.after(this.#delayMs, () => void this.forceFlush());
  }
}
