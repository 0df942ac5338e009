/** What came of a command. */
export type RedisReply<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** Redis answered, though not with what was asked for: it is alive. */
      readonly refused: boolean;
      /** A code, never a message: those quote arguments, and a password may be among them. */
      readonly reason: string;
    };

const TIMED_OUT = { ok: false, refused: false, reason: 'TIMEOUT' } as const;

/**
 * The answer of a command, or the news that there was none in time. It never rejects.
 * @param heard told once, before whoever waits
 */
export function replyWithin<T>(
  send: () => Promise<T>,
  limitMs: number,
  heard?: (response: RedisReply<T>) => void,
): Promise<RedisReply<T>> {
  return new Promise((resolve) => {
    let over = false;
    const end = (response: RedisReply<T>): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      heard?.(response);
      resolve(response);
    };
    // The process may have been busy, and the answer be here but unread: sockets are read before that is told.
    const timer = setTimeout(() => setImmediate(end, TIMED_OUT), limitMs);
    timer.unref();
    const fail = (error: unknown): void => end(failureOf(error));
    try {
      send().then((value) => end({ ok: true, value }), fail);
    } catch (error) {
      fail(error);
    }
  });
}

function failureOf(error: unknown): RedisReply<never> {
  const refused = error instanceof Error && error.name === 'ReplyError';
  return { ok: false, refused, reason: codeOf(error) };
}

/** What may be told of an error: the code with which Redis begins each of its own, as `OOM`, or that of the socket. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'ERROR';
  const said = error.name === 'ReplyError' ? error.message.split(' ', 1)[0] : 'code' in error && error.code;
  return typeof said === 'string' && /^[A-Z][A-Z0-9_]*$/.test(said) ? said : error.name;
}
