import type { OtlpHealth } from './otlp-health.js';

/** What the exporters of all signals have in common. */
export interface Exporter<Batch> {
  export(batch: Batch, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

const SUCCESS = 0;

/** Sends a batch; it never rejects. @param items how much is lost where it fails */
export function sendBatch<Batch>(
  exporter: Exporter<Batch>,
  health: OtlpHealth,
  batch: Batch,
  items: number,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (error: unknown): void => {
      if (error === undefined) health.taken();
      else health.failed(error, items);
      resolve();
    };
    try {
      exporter.export(batch, ({ code, error }) =>
        done(code === SUCCESS ? undefined : (error ?? new Error())),
      );
    } catch (error) {
      done(error);
    }
  });
}

/** Waits for a promise that never rejects, but no longer than this. */
export function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void promise.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
