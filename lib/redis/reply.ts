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
 * the socket. A script's error has its code in the middle up to Redis 6.2, and so have those of Sentinels.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'ERROR';
  const { message } = error;
  const last: unknown = Reflect.get(error, 'lastNodeError');
  if (last instanceof Error) {
    // What became of its nodes is not said, unless they have replied.
    const code = codeOf(last);
    return code === 'Error' ? 'UNREACHABLE' : code;
  }
  const said = error.name === 'ReplyError' ? message.split(' ', 1)[0] : Reflect.get(error, 'code');
  if (typeof said === 'string' && said !== 'ERR' && CODE.test(said)) return said;
  const known = KNOWN.exec(message)?.[1];
  if (/cluster support disabled/.test(message)) return 'NOCLUSTER';
  if (known === undefined && isSelectError(error)) return 'NODB';
  return known ?? (said === 'ERR' ? said : error.name);
}

/** Whether Redis refuses to change the database: there is none of this number, or its user may not. */
export function isSelectError(error: Error): boolean {
  const command: unknown = Reflect.get(error, 'command');
  const name = typeof command === 'object' && command !== null && Reflect.get(command, 'name');
  return name === 'select' || error.message.includes('DB index is out of range');
}

const CODE = /^[A-Z][A-Z0-9_]*$/;
const KNOWN =
  /\b(READONLY|LOADING|OOM|WRONGTYPE|MISCONF|NOPERM|NOAUTH|WRONGPASS|MASTERDOWN|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND)\b/;
