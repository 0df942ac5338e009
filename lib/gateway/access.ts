import { isIPv4 } from 'node:net';

/**
 * Why a request must not be served, by its `Host`, `Sec-Fetch-Site` and `Origin`; `undefined` allows it. For a WebSocket
 * `Origin` counts in any case: browsers let every page open one and read it.
 */
export type OriginCheck = (
  host: string | undefined,
  site: string | undefined,
  origin?: string,
  webSocket?: boolean,
) => string | undefined;

export interface OriginRules {
  /** Address that the gateway listens on. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowCrossSite: boolean;
}

/** Values of `Host` that are remembered as allowed. */
const MAX_REMEMBERED = 64;

/**
 * Refuses requests that a foreign web page makes a browser send: the gateway would add its API keys to them. They are
 * recognized by `Host` (DNS rebinding), by `Sec-Fetch-Site`, and by `Origin` where the browser does not say the former:
 * it says it to https and loopback alone. There is nothing to check where the gateway listens beyond loopback and no
 * `allowedHosts` are configured.
 */
export function originCheck({
  host: bound,
  allowedHosts,
  allowCrossSite,
}: OriginRules): OriginCheck | undefined {
  if (!isLoopback(bound) && allowedHosts.length === 0) return undefined;
  const names = new Set([bound, ...allowedHosts].map(plainName));
  const remembered = new Set<string>();

  const isOurs = (name: string) => names.has(name) || isLoopback(name);
  const isForeign = (origin: string) => !URL.canParse(origin) || !isOurs(plainName(new URL(origin).hostname));

  return function checkOrigin(host, site, origin, webSocket = false) {
    if (!allowCrossSite) {
      if (site === 'cross-site') return CROSS_SITE;
      if (origin !== undefined && (webSocket || site === undefined) && isForeign(origin))
        return `A web page of another site made this call (Origin ${shown(origin)}); add its host to server.allowedHosts, or set server.allowCrossSite, to allow that`;
    }
    // HTTP/1.0 does not need Host, and every browser sends it.
    if (host === undefined || remembered.has(host)) return undefined;
    const name = plainName(nameOf(host));
    if (!isOurs(name))
      return `Host ${shown(host)} is none of this machine's names; add it to server.allowedHosts`;
    if (remembered.size < MAX_REMEMBERED) remembered.add(host);
    return undefined;
  };
}

const CROSS_SITE = 'A web page of another site made this call; set server.allowCrossSite to allow that';

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));

/** Whether a `Host` header names this machine for itself alone. */
export const isLoopbackHost = (host: string): boolean => isLoopback(plainName(nameOf(host)));

const plainName = (name: string) => name.toLowerCase().replace(/\.$/, '');

/** The name in a `Host` header, without its port. */
function nameOf(host: string): string {
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':');
  return end > 0 ? host.slice(0, end) : host;
}

/** Whether a host name, or the address of a socket, is loopback. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/i, '');
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return name.startsWith('127.') && isIPv4(name);
}
