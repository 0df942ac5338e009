import type { IncomingMessage } from 'node:http';
import { isLoopback, isLoopbackHost } from './access.js';
import type { Logger } from './logger.js';
import { requestId } from './request-id.js';
import type { TokenThrottle } from './token-throttle.js';
import { credentialOf, type TokenKind, type Tokens, tokenCheck } from './tokens.js';

/** Why a request is refused, as a response. */
export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly code: 'ERR_UNAUTHORIZED' | 'ERR_FORBIDDEN' | 'ERR_RATE_LIMITED';
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who has done something, for the log. */
export interface Actor {
  readonly requestId: string;
  /** Address of the connection: that of a reverse proxy, where there is one. */
  readonly client: string | undefined;
  /** What the reverse proxy says, or the client itself. */
  readonly forwardedFor: string | undefined;
  readonly token: TokenKind | 'none';
}

/** What an admin request is judged by. */
export type AdminRequest = Pick<IncomingMessage, 'method' | 'headers' | 'socket'>;

/** Who may use the admin routes. */
export interface AdminCheck {
  /** Why this request may not; `undefined` allows it. */
  refusal(req: AdminRequest): Refusal | undefined;
  actor(req: IncomingMessage): Actor;
}

export interface AdminRules {
  readonly tokens: Tokens;
  /** Whether `Host` was compared with configured names already. */
  readonly hostIsKnown: boolean;
  readonly throttle: TokenThrottle;
  readonly logger: Logger;
}

/**
 * Without a token only clients on this machine may use the admin routes, by a name that no web page can have. With one,
 * all clients must send it: as a bearer token, or as the password of any user, so that a browser can prompt for it. The
 * viewer's allows to look.
 */
export function adminCheck({ tokens, hostIsKnown, throttle, logger }: AdminRules): AdminCheck {
  const kindOf = tokenCheck(tokens);
  const hasToken = Boolean(tokens.admin || tokens.viewer);

  let untold = 0;
  let quietUntil = Number.NEGATIVE_INFINITY;

  /** A page or a scraper with an old token sends it again and again. */
  function tellWrong(client: string | undefined): void {
    untold++;
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + QUIET_MS;
    logger.warn({ client, requests: untold }, 'a wrong token came for the admin routes');
    untold = 0;
  }

  function refusal(req: AdminRequest): Refusal | undefined {
    const { remoteAddress } = req.socket;
    if (!hasToken) return localOnly(remoteAddress, hostIsKnown ? undefined : req.headers.host);
    const { authorization } = req.headers;
    const brought = credentialOf(authorization);
    if (brought === undefined) return UNAUTHORIZED;
    const waitMs = throttle.waitMs(remoteAddress);
    // Not even compared: the right one must not stand out among those that are guessed.
    if (waitMs > 0) return tooMany(waitMs);
    const kind = kindOf(authorization);
    if (kind === undefined) {
      if (throttle.failed(remoteAddress, brought))
        logger.warn({ client: remoteAddress }, 'wrong tokens for the admin routes: the next ones must wait');
      else tellWrong(remoteAddress);
      return UNAUTHORIZED;
    }
    return kind === 'admin' || isLook(req) ? undefined : ONLY_LOOKS;
  }

  return {
    refusal,
    actor: (req) => ({
      requestId: requestId(req),
      client: req.socket.remoteAddress,
      forwardedFor: forwardedFor(req),
      token: (hasToken && kindOf(req.headers.authorization)) || 'none',
    }),
  };
}

const QUIET_MS = 60_000;

const isLook = ({ method }: AdminRequest): boolean => method === 'GET' || method === 'HEAD';

const MAX_FORWARDED = 200;

function forwardedFor({ headers }: IncomingMessage): string | undefined {
  const { 'x-forwarded-for': given } = headers;
  return typeof given === 'string' ? given.slice(0, MAX_FORWARDED) : undefined;
}

function localOnly(peer: string | undefined, host: string | undefined): Refusal | undefined {
  if (peer === undefined || !isLoopback(peer)) return ONLY_LOOPBACK;
  // A page whose name leads to this machine (DNS rebinding) is local by its address, and says its own name.
  return host === undefined || isLoopbackHost(host) ? undefined : ONLY_LOOPBACK_HOST;
}

const forbidden = (message: string): Refusal => ({
  status: 403,
  code: 'ERR_FORBIDDEN',
  message,
  headers: {},
});

const ONLY_LOOPBACK = forbidden(
  'This route is for clients on this machine only; set ADMIN_TOKEN to allow others',
);
const ONLY_LOOPBACK_HOST = forbidden(
  'This route is for clients on this machine only, which call it localhost; add the name to server.allowedHosts, or set ADMIN_TOKEN',
);
const ONLY_LOOKS = forbidden('The VIEWER_TOKEN allows no actions; they need the ADMIN_TOKEN');

const tooMany = (waitMs: number): Refusal => ({
  status: 429,
  code: 'ERR_RATE_LIMITED',
  message: 'Too many wrong tokens came from this address',
  headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
});

const UNAUTHORIZED: Refusal = {
  status: 401,
  code: 'ERR_UNAUTHORIZED',
  message: 'This route needs the ADMIN_TOKEN, as a bearer token or as a password',
  headers: {
    'WWW-Authenticate':
      'Basic realm="resilient-proxy-out", charset="UTF-8", Bearer realm="resilient-proxy-out"',
  },
};
