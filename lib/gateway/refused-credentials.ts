import type { ApiOptions } from '../apis/options.js';
import { isCredentialHeader } from '../core/credential-headers.js';
import type { Exchange } from '../core/exchange.js';
import { isSecretName, redactText } from '../core/redact.js';
import { headerValue } from '../http/headers.js';
import type { Logger } from './logger.js';

/** An API that refuses the credential which the gateway adds, or misses one that nobody brings. */
export interface RefusedCredential {
  readonly api: string;
  readonly status: number;
  /** Headers of the configuration that carry a credential; empty where neither it nor the client brings one. */
  readonly headers: readonly string[];
  /** Calls in a row that were refused. */
  readonly calls: number;
}

/** As many refusals in a row say that a credential is wrong. A 403 may be about one path, or a quota. */
const IN_A_ROW: ReadonlyMap<number, number> = new Map([
  [401, 3],
  [403, 10],
]);
const MAX_CHALLENGE = 200;

interface Row {
  readonly status: number;
  readonly headers: readonly string[];
  calls: number;
  /** On a steady clock. */
  lastAt: number;
  told: boolean;
  /** The one before has told, and options were changed since. */
  wasTold: boolean;
}

/** What was refused last so long ago may be over: other processes take the calls. */
const OVER_AFTER_MS = 600_000;

/**
 * Warns of APIs that refuse the credential of the gateway: to them it is an error of their client, so no failure is
 * counted and no circuit opens. A credential that a client brings is its own business.
 */
export class RefusedCredentials {
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  readonly #optionsOf: (api: string) => ApiOptions | undefined;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();

  /**
   * @param optionsOf those in service
   * @param now milliseconds of a steady clock; for tests
   */
  constructor(
    logger: Pick<Logger, 'info' | 'warn'>,
    optionsOf: (api: string) => ApiOptions | undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#logger = logger;
    this.#optionsOf = optionsOf;
    this.#now = now;
  }

  /** The options of APIs have changed, and perhaps their credentials. */
  updated(apis: readonly string[]): void {
    for (const api of apis) {
      const row = this.#rows.get(api);
      if (row) Object.assign(row, { calls: 0, told: false, wasTold: row.told || row.wasTold });
    }
  }

  /** A call has ended. */
  ended(exchange: Exchange): void {
    const { api, attempts } = exchange;
    const outcome = attempts.at(-1)?.outcome;
    if (outcome?.kind !== 'response') return;
    const { status, rawHeaders } = outcome.head;
    if (status < 400) {
      if (this.#rows.size > 0) this.#accepted(api);
      return;
    }
    const fewest = IN_A_ROW.get(status);
    if (fewest === undefined) return;
    const row = this.#rowOf(exchange, status);
    if (!row) return;
    row.calls++;
    row.lastAt = this.#now();
    if (row.told || row.calls < fewest) return;
    row.told = true;
    const challenge = headerValue(rawHeaders, 'www-authenticate')?.slice(0, MAX_CHALLENGE);
    this.#logger.warn(
      { api, status, headers: row.headers, challenge: challenge && redactText(challenge) },
      refusedText({ api, ...row }),
    );
  }

  /** Of those APIs that were told of. */
  list(): RefusedCredential[] {
    const since = this.#now() - OVER_AFTER_MS;
    for (const [api, { lastAt }] of this.#rows)
      if (lastAt < since || this.#optionsOf(api) === undefined) this.#rows.delete(api);
    const told = [...this.#rows].filter(([, row]) => row.told);
    return told.map(([api, { status, headers, calls }]) => ({ api, status, headers, calls }));
  }

  #rowOf({ api, req }: Exchange, status: number): Row | undefined {
    const known = this.#rows.get(api);
    const options = this.#optionsOf(api);
    if (!options) return undefined;
    const headers = addedCredentials(options);
    if (bringsOwn(req, options, headers)) return undefined;
    if (known?.status === status) return known;
    // One of the other kind is told once more.
    const wasTold = known !== undefined && (known.told || known.wasTold);
    const row = { status, headers, calls: 0, lastAt: this.#now(), told: false, wasTold };
    this.#rows.set(api, row);
    return row;
  }

  #accepted(api: string): void {
    const row = this.#rows.get(api);
    if (!row) return;
    this.#rows.delete(api);
    if (row.told || row.wasTold)
      this.#logger.info({ api }, `${JSON.stringify(api)} accepts the credential again`);
  }
}

/** What is wrong with the credential, as a sentence. */
export function refusedText({ api, status, headers, calls }: RefusedCredential): string {
  const name = JSON.stringify(api);
  const often = `status ${status} to ${calls} calls in a row`;
  if (headers.length === 0)
    return `${name} refuses calls without a credential, and its configuration adds none: ${often}`;
  const added = `the credential that its configuration adds (${headers.join(', ')})`;
  return status === 403
    ? `${name} refuses ${added}, or does not allow it these calls: ${often}`
    : `${name} refuses ${added}: ${often}`;
}

function addedCredentials({ headers = {}, auth }: ApiOptions): string[] {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const added = names.filter(isCredentialHeader);
  return auth === undefined || added.includes('authorization') ? added : [...added, 'authorization'];
}

/** Whether the client sends a credential that reaches the API. */
function bringsOwn(
  { rawHeaders, url = '' }: Exchange['req'],
  { forwardHeaders = true, forwardCookies = false }: ApiOptions,
  added: readonly string[],
): boolean {
  const passes = (name: string): boolean => {
    if (name === 'cookie') return forwardCookies;
    return Array.isArray(forwardHeaders)
      ? forwardHeaders.some((one) => one.toLowerCase() === name)
      : forwardHeaders !== false;
  };
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  if (names.some((name) => isCredentialHeader(name) && !added.includes(name) && passes(name))) return true;
  const query = url.indexOf('?');
  return query >= 0 && [...new URLSearchParams(url.slice(query)).keys()].some(isSecretName);
}
