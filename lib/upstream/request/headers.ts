import type { IncomingMessage } from 'node:http';
import { knownExchange } from '../../core/exchange.js';
import { forwardedHeaders } from '../../http/forwarded-headers.js';
import { isHeader } from '../../http/headers.js';
import { forwardsLeft } from './admission.js';
import { forwarded } from './forwarded.js';
import type { Target } from './target.js';

/** Which of the client's headers are sent to the target, and which are added. */
export interface HeaderPolicy {
  /**
   * `true`: all but hop-by-hop ones; `false`: only those that HTTP itself needs; a list: those and the listed ones.
   */
  readonly forwardHeaders: boolean | readonly string[];
  /** Whether `Cookie` is sent to the target, and its `Set-Cookie` back to the client. */
  readonly forwardCookies: boolean;
  /** Headers added to every call; they replace the client's, in any letter case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** `user:password`, sent as Basic credentials if the client sends none. */
  readonly auth: string | undefined;
  /** `Host` is the target's, not the client's. */
  readonly changeOrigin: boolean;
  /**
   * Adds `X-Forwarded-For`, `-Port`, `-Proto` and `-Host`: those that the client did not send, its address in each
   * case, or nothing but our own.
   */
  readonly xfwd: boolean | 'append' | 'replace';
  /** The name that is added to `Via`; `undefined` adds none. */
  readonly via: string | undefined;
}

/** Makes the headers of a call to the target, flat; the same for each attempt. */
export type RequestHeaders = (
  req: IncomingMessage,
  target: Target,
  framing: BodyFraming,
  method: string,
) => string[];

/** How the body is framed, if not as it came from the client. */
export interface BodyFraming {
  /** The body was read and rebuilt: the client's length, type and coding no longer apply. */
  readonly rebuilt?: { readonly contentType: string | undefined };
  /** It was given by an option; the client may have announced no body. */
  readonly given?: boolean;
}

/** Prepares what is the same for every call. */
export function requestHeaders(policy: HeaderPolicy): RequestHeaders {
  const added: string[] = [];
  let host: string | undefined;
  const injected = new Set(Object.keys(policy.headers).map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(policy.headers)) {
    if (name.toLowerCase() === 'host') host = String(value);
    else for (const line of [value].flat()) added.push(name, line);
  }
  const passes = forwardedHeaders(policy);
  const who = forwarded(policy.xfwd, passes, injected);
  const injectsRequestId = injected.has('x-request-id');
  const injectsAuthorization = injected.has('authorization');
  const basic = policy.auth === undefined || injectsAuthorization ? undefined : basicAuth(policy.auth);

  return function headersOf(req, target, framing, method) {
    // What is added may be secret, and a target returns what it receives by TRACE (RFC 9110 §9.3.8).
    const bare = method === 'TRACE';
    const counted = bare || method === 'OPTIONS';
    const raw = req.rawHeaders;
    const headers = ['host', host ?? (policy.changeOrigin ? target.host : (req.headers.host ?? target.host))];
    const auth = basic ?? (target.auth === undefined ? undefined : basicAuth(target.auth));
    const requestId = bare || injectsRequestId ? undefined : knownExchange(req)?.requestId;
    let cookies = false;
    let authorized = bare || auth === undefined || injectsAuthorization;
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i] ?? '';
      const lower = name.toLowerCase();
      if (!passes(lower) || who?.drops(lower)) continue;
      if (framing.rebuilt && isFraming(lower)) continue;
      if (requestId !== undefined && lower === 'x-request-id') continue;
      if (framing.given && lower === 'content-length' && raw[i + 1] === '0') continue;
      if (lower === 'authorization') authorized = true;
      if (counted && lower === 'max-forwards') headers.push(name, forwardsLeft(raw[i + 1] ?? ''));
      else if (lower !== 'cookie') headers.push(name, raw[i + 1] ?? '');
      else if (!cookies) {
        // Many servers read only one Cookie header (RFC 6265 §5.4); Node has joined them.
        cookies = true;
        headers.push(name, req.headers.cookie ?? '');
      }
    }
    if (typeof req.headers.te === 'string' && /\btrailers\b/i.test(req.headers.te))
      headers.push('te', 'trailers');
    if (requestId !== undefined) headers.push('x-request-id', requestId);
    if (framing.rebuilt?.contentType) headers.push('content-type', framing.rebuilt.contentType);
    if (!authorized && auth) headers.push('authorization', auth);
    if (!bare) for (const item of added) headers.push(item);
    if (!bare) who?.add(headers, req);
    if (policy.via !== undefined) headers.push('via', `${req.httpVersion} ${policy.via}`);
    return headers;
  };
}

/** Headers in which those of an attempt's permits replace the ones of the same names, one permit after another. */
export function replaced(
  rawHeaders: readonly string[],
  own: readonly (readonly string[])[],
): readonly string[] {
  return own.reduce(replacing, rawHeaders);
}

function replacing(rawHeaders: readonly string[], headers: readonly string[]): readonly string[] {
  const result: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (!names(headers, rawHeaders[i] ?? '')) result.push(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i + 1] !== '') result.push(headers[i] ?? '', headers[i + 1] ?? '');
  return result;
}

/** Whether one of the headers has this name. */
function names(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2)
    if (isHeader(name, headers[i]?.toLowerCase() ?? '')) return true;
  return false;
}

const isFraming = (lower: string) =>
  lower === 'content-length' ||
  lower === 'content-encoding' ||
  lower === 'content-type' ||
  lower === 'trailer';

const basicAuth = (userinfo: string) => `Basic ${Buffer.from(userinfo).toString('base64')}`;
