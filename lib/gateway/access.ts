import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** Why a request is refused, as a response. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly code: 'ERR_UNAUTHORIZED' | 'ERR_FORBIDDEN';
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Checks `Host` and `Sec-Fetch-Site`, and returns why a request must not be served; `undefined` allows it. For a
 * WebSocket `Origin` counts as well: browsers let every page open one and read it, and some send only `Origin`.
 */
export type OriginCheck = (
  host: string | undefined,
  fetchSite: string | undefined,
  origin?: string,
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
 * Refuses requests that a foreign web page makes a browser on this machine send: the gateway would add its API keys to
 * them. They are recognized by `Host` (DNS rebinding) or `Sec-Fetch-Site`. There is nothing to check where the gateway
 * listens beyond loopback and no `allowedHosts` are configured.
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

  return function checkOrigin(host, fetchSite, origin) {
    const crossSite = fetchSite === 'cross-site' || (origin !== undefined && isForeign(origin));
    if (crossSite && !allowCrossSite) {
      return 'A web page of another site made this call; set server.allowCrossSite to allow that';
    }
    // HTTP/1.0 does not need Host, and every browser sends it.
    if (host === undefined || remembered.has(host)) return undefined;
    const name = plainName(nameOf(host));
    if (!isOurs(name)) {
      return `Host ${JSON.stringify(host.slice(0, 80))} is none of this machine's names; add it to server.allowedHosts`;
    }
    if (remembered.size < MAX_REMEMBERED) remembered.add(host);
    return undefined;
  };
}

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

/** Why this peer with these credentials may not use the admin routes; `undefined` allows it. */
export type AdminCheck = (peer: string | undefined, authorization: string | undefined) => Refusal | undefined;

/**
 * Without a token only clients on this machine may use the admin routes. With one, all clients must send it: as a bearer
 * token, or as the password of any user, so that a browser can prompt for it.
 */
export function adminCheck(token: string | undefined): AdminCheck {
  if (!token) return loopbackOnly;
  const wanted = digest(token);
  return function checkToken(_peer, authorization) {
    const brought = credential(authorization);
    // Digests have one length, so the time of the comparison does not depend on the token's.
    return brought !== undefined && timingSafeEqual(digest(brought), wanted) ? undefined : UNAUTHORIZED;
  };
}

function loopbackOnly(peer: string | undefined): Refusal | undefined {
  return peer !== undefined && isLoopback(peer) ? undefined : ONLY_LOOPBACK;
}

const ONLY_LOOPBACK: Refusal = {
  status: 403,
  code: 'ERR_FORBIDDEN',
  message: 'This route is for clients on this machine only; set ADMIN_TOKEN to allow others',
  headers: {},
};

const UNAUTHORIZED: Refusal = {
  status: 401,
  code: 'ERR_UNAUTHORIZED',
  message: 'This route needs the ADMIN_TOKEN, as a bearer token or as a password',
  headers: {
    'WWW-Authenticate':
      'Basic realm="resilient-proxy-out", charset="UTF-8", Bearer realm="resilient-proxy-out"',
  },
};

const digest = (text: string) => createHash('sha256').update(text).digest();

function credential(authorization: string | undefined): string | undefined {
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme === '') return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.slice(colon + 1);
}
