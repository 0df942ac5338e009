/** The outcome of a command. */
export type RedisReply<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** Redis replied with an error: it is alive. */
      readonly refused: boolean;
      /** A code, never a message: messages quote arguments, possibly a password. */
      readonly reason: string;
    };

const TIMED_OUT = { ok: false, refused: false, reason: 'TIMEOUT' } as const;

/**
 * The reply to a command, or a timeout. It never rejects.
 * @param heard called once, before the promise resolves
 */
export function replyWithin<T>(
  send: () => Promise<T>,
  limitMs: number,
  heard?: (reply: RedisReply<T>) => void,
): Promise<RedisReply<T>> {
  return new Promise((resolve) => {
    let over = false;
    const end = (reply: RedisReply<T>): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      heard?.(reply);
      resolve(reply);
    };
    // The process may have been busy, and the reply have arrived unread: sockets are read before `setImmediate` runs.
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

/**
 * The part of an error that may be shown: the code that begins each of Redis' own errors, such as `OOM`, or that of
 * the socket.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'ERROR';
  const said = error.name === 'ReplyError' ? error.message.split(' ', 1)[0] : 'code' in error && error.code;
  return typeof said === 'string' && /^[A-Z][A-Z0-9_]*$/.test(said) ? said : error.name;
}
