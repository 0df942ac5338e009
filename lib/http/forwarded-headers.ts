import { HOP_BY_HOP } from './headers.js';

/** The options of an API that decide which headers of a client reach the target. */
export interface ForwardedHeaders {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly forwardHeaders?: boolean | readonly string[] | undefined;
  readonly forwardCookies?: boolean | undefined;
}

/** Whether a header of the client, its name in lower case, reaches the target with the client's own value. */
export type Reaches = (lowerCaseName: string) => boolean;

/** For the connection, or read by this proxy in the target's place. */
const REQUEST_ONLY_HERE = ['expect', 'host', 'http2-settings', 'trailer'];
const NEEDED_BY_HTTP =
  /^(accept|accept-.+|content-.+|if-.+|range|cache-control|user-agent|sec-websocket-.+)$/;

/** The rule by which `forward()` passes headers on. What is injected replaces the client's. */
export function forwardedHeaders({
  headers = {},
  forwardHeaders,
  forwardCookies,
}: ForwardedHeaders): Reaches {
  const dropped = new Set([...HOP_BY_HOP, ...REQUEST_ONLY_HERE]);
  for (const name of Object.keys(headers)) dropped.add(name.toLowerCase());
  if (forwardCookies === false) dropped.add('cookie');
  if (forwardHeaders === true || forwardHeaders === undefined) return (lower) => !dropped.has(lower);
  const listed = new Set(forwardHeaders === false ? [] : forwardHeaders.map((name) => name.toLowerCase()));
  return (lower) => !dropped.has(lower) && (listed.has(lower) || NEEDED_BY_HTTP.test(lower));
}
