import type { ErrorCode, ProxyError } from '../core/errors.js';

/** What kind of failure one was. */
export type FailureCause =
  | 'timeout'
  | 'reset'
  | 'connection'
  | 'tls'
  | 'unreadable'
  | 'slow'
  | 'body'
  | 'other'
  | `status ${number}`;

/** Failures by their {@link FailureCause}. */
export type FailureCauses = Readonly<Record<string, number>>;

const CAUSES: Partial<Record<ErrorCode, FailureCause>> = {
  ERR_UPSTREAM_TIMEOUT: 'timeout',
  ERR_UPSTREAM_RESET: 'reset',
  ERR_UPSTREAM_CONNECT: 'connection',
  ERR_UPSTREAM_TLS: 'tls',
  ERR_UPSTREAM_PROTOCOL: 'unreadable',
};

/** The cause of a failure without a response, or whose response broke off. */
export function causeOf({ code }: ProxyError): FailureCause {
  return CAUSES[code] ?? 'other';
}

const WORDS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  timeout: ['timeout of the target', 'timeouts of the target'],
  reset: ['reset', 'resets'],
  connection: ['failed connection', 'failed connections'],
  tls: ['TLS error', 'TLS errors'],
  unreadable: ['unreadable response', 'unreadable responses'],
  slow: ['slow call', 'slow calls'],
  body: ['response with a failure in its body', 'responses with a failure in their bodies'],
  other: ['other failure', 'other failures'],
};

/** Causes in words, the most frequent first: `3 timeouts of the target, 2 resets`. */
export function causesText(causes: FailureCauses): string {
  return Object.entries(causes)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, times]) => {
      const [one, many] = WORDS[cause] ?? [`response with ${cause}`, `responses with ${cause}`];
      return `${times} ${times === 1 ? one : many}`;
    })
    .join(', ');
}

/**
 * A number of failures and what they were: `5 failures: 3 timeouts of the target, 2 resets`; empty without any. Slow calls
 * may have succeeded.
 */
export function failuresText(causes: FailureCauses): string {
  const total = Object.values(causes).reduce((sum, times) => sum + times, 0);
  if (total === 0 || total === causes.slow) return causesText(causes);
  return `${total} ${total === 1 ? 'failure' : 'failures'}: ${causesText(causes)}`;
}

/** Failures that are remembered one by one. */
const MAX_KEPT = 100;

/** The latest failures of a circuit. */
export class LatestFailures {
  /** Oldest first. */
  #kept: { readonly at: number; readonly cause: FailureCause }[] = [];

  add(at: number, cause: FailureCause): void {
    this.#kept.push({ at, cause });
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
  }

  /** Causes of the last so many. */
  last(count: number): FailureCauses {
    return count === 0 ? {} : counted(this.#kept.slice(-count));
  }

  /** Causes of those since a time. */
  since(from: number): FailureCauses {
    return counted(this.#kept.filter(({ at }) => at >= from));
  }

  clear(): void {
    this.#kept = [];
  }
}

function counted(failures: readonly { readonly cause: FailureCause }[]): FailureCauses {
  const causes: Record<string, number> = {};
  for (const { cause } of failures) causes[cause] = (causes[cause] ?? 0) + 1;
  return causes;
}
