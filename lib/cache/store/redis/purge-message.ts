import type { PurgeTarget } from '../store.js';

/** A purge as one process publishes it to the others. */
export interface PurgeNews {
  /** The store that purged; it ignores its own message. */
  readonly sender: string;
  readonly target: PurgeTarget;
}

export function purgeMessage(sender: string, target: PurgeTarget): string {
  return JSON.stringify({ sender, target } satisfies PurgeNews);
}

/** The purge in a message; `undefined` for any other message, since anybody may publish on a channel. */
export function purgeOf(message: string): PurgeNews | undefined {
  try {
    const news: unknown = JSON.parse(message);
    return isNews(news) ? news : undefined;
  } catch {
    return undefined;
  }
}

function isNews(value: unknown): value is PurgeNews {
  return isRecord(value) && typeof value.sender === 'string' && isTarget(value.target);
}

function isTarget(value: unknown): value is PurgeTarget {
  if (!isRecord(value)) return false;
  const { key, prefix, api, tag } = value;
  return (
    typeof key === 'string' ||
    typeof prefix === 'string' ||
    (typeof api === 'string' && typeof tag === 'string')
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
