import type { IncomingMessage } from 'node:http';

/** What is taken by default. */
export const WEBSOCKET = 'websocket';

/** Whether a protocol is WebSocket, in any letter case. */
export const isWebSocket = (protocol: string): boolean => protocol.toLowerCase() === WEBSOCKET;

/** Protocols of an `Upgrade` header, of a request or of a 101. */
export function protocolsOf({ headers }: Pick<IncomingMessage, 'headers'>): string[] {
  return (headers.upgrade ?? '').split(/[,\s]+/).filter((protocol) => protocol !== '');
}

/**
 * The protocol that a request is upgraded to: of those that its client offers, which names the one it likes best first,
 * the first that is taken (RFC 9110 §7.8).
 * @param taken in any letter case
 * @returns as the client has written it; `undefined` if the request is served as any other
 */
export function acceptedProtocol(req: IncomingMessage, taken: readonly string[]): string | undefined {
  const names = taken.map((name) => name.toLowerCase());
  const protocol = protocolsOf(req).find((offered) => names.includes(offered.toLowerCase()));
  if (protocol === undefined || isWebSocket(protocol)) return protocol;
  const { httpVersionMajor, httpVersionMinor, headers } = req;
  // RFC 9110 §7.8: an offer of HTTP/1.0 is to be ignored.
  if (httpVersionMajor === 1 && httpVersionMinor < 1) return undefined;
  // Up to 24, Node leaves the body of an offer unread: where one of unknown length ends, only its chunks would tell.
  return headers['transfer-encoding'] === undefined ? protocol : undefined;
}
