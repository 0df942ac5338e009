/** A head as it was received, or as a store had it. */
interface ReceivedHead {
  readonly status: number;
  readonly rawHeaders: readonly string[];
}

/** Bytes that a header's value may not hold (RFC 9110 §5.5): controls other than a tab. */
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Why a final response cannot be passed on: Node's response throws for such a head, in the middle of a stream's events.
 * Asked once for each, of a target's and of a stored one, before anything is written.
 * @returns what is wrong, without any value; `undefined` where nothing is
 */
export function headProblem({ status, rawHeaders }: ReceivedHead): string | undefined {
  // 101 is taken where it was requested, and refused by its transport where it was not.
  if (!(status >= 200 && status <= 999) && status !== 101) return `status ${status}`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!TOKEN.test(rawHeaders[i] ?? '')) return 'a header name that is not a token';
    if (UNSENDABLE.test(rawHeaders[i + 1] ?? '')) return `control characters in ${rawHeaders[i]}`;
  }
  return undefined;
}

/** Whether Node's messages take this header, or this trailer. */
export const isSendable = (name: string, value: string): boolean =>
  TOKEN.test(name) && !UNSENDABLE.test(value);

/** Whether a reason phrase can be sent as it is (RFC 9112 §4). */
export const isReasonPhrase = (text: string): boolean => !UNSENDABLE.test(text);

/** The reason phrase with its bytes as they came; one that no response could carry is left out. */
export function sendableReason(text: string): string {
  if (isReasonPhrase(text)) return text;
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return isReasonPhrase(bytes) ? bytes : '';
}
