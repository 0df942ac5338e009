import { ConfigError } from '../config/config-error.js';
import { InvalidOptionError } from '../core/errors.js';
import type { Family } from '../metrics/family.js';

/** How reloads of the configuration went, as `/health?verbose=1` shows it. */
export interface ConfigHealth {
  /** Reloads that succeeded since the gateway was built. */
  readonly reloads: number;
  /** Reloads that failed: the configuration before stayed. */
  readonly failedReloads: number;
  /** `null` before the first reload. */
  readonly lastReload: LastReload | null;
}

/** How the last reload went. */
export interface LastReload {
  /** ISO 8601. */
  readonly time: string;
  readonly ok: boolean;
  /** Why it failed, with the place in the file; `null` after a success. It holds no secret. */
  readonly message: string | null;
}

const MAX_MESSAGE = 2000;

/** The message of an error that holds no secret; `undefined` for other errors, whose message may quote anything. */
export function safeMessage(error: unknown): string | undefined {
  return error instanceof ConfigError || error instanceof InvalidOptionError ? error.message : undefined;
}

/** Remembers how reloads went. */
export class ConfigStatus {
  #reloads = 0;
  #failed = 0;
  #last: LastReload | null = null;
  #at: number;
  readonly #clock: () => number;

  /** @param clock epoch milliseconds; for tests */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
    this.#at = clock();
  }

  succeeded(): void {
    this.#reloads++;
    this.#note(true, null);
  }

  /** @param message what is wrong, without secrets */
  failed(message: string): void {
    this.#failed++;
    this.#note(false, message.slice(0, MAX_MESSAGE));
  }

  health(): ConfigHealth {
    return { reloads: this.#reloads, failedReloads: this.#failed, lastReload: this.#last };
  }

  /** The same for Prometheus. */
  families(): Family[] {
    return [
      {
        type: 'counter',
        name: 'config_reloads_total',
        help: 'Reloads of the configuration, by result: ok or failed.',
        labels: ['result'],
        rows: () => [
          [{ result: 'ok' }, this.#reloads],
          [{ result: 'failed' }, this.#failed],
        ],
      },
      {
        type: 'gauge',
        name: 'config_last_reload_success',
        help: '1 unless the last reload of the configuration failed.',
        labels: [],
        rows: () => [[{}, this.#last?.ok === false ? 0 : 1]],
      },
      {
        type: 'gauge',
        name: 'config_last_reload_timestamp_seconds',
        help: 'When the configuration was last loaded or failed to load.',
        labels: [],
        rows: () => [[{}, this.#at / 1000]],
      },
    ];
  }

  #note(ok: boolean, message: string | null): void {
    this.#at = this.#clock();
    this.#last = { time: new Date(this.#at).toISOString(), ok, message };
  }
}
