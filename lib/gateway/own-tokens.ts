import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientAddress } from '../http/client-address.js';
import type { Logger } from './logger.js';
import type { TokenThrottle } from './token-throttle.js';
import type { Tokens } from './tokens.js';

/** Takes the tokens of the gateway out of a call. */
export type TokenFilter = (req: IncomingMessage) => void;

/** What a {@link TokenFilter} goes by. */
export interface TokenFilterSite {
  /** Counts the credentials that a client tries with calls. */
  readonly throttle: TokenThrottle;
  /** Counts those that it tries at the admin routes. */
  readonly adminThrottle: TokenThrottle;
  readonly clientOf: ClientAddress;
  readonly logger: Pick<Logger, 'warn'>;
}

const QUIET_MS = 60_000;

/**
 * A browser that has once been asked for a password sends it with every path of the gateway from then on (RFC 7617
 * §2.2), and a script may do so by mistake: an API must not get it.
 *
 * That a token is missing tells who guesses it. Credentials of clients cannot be told from guesses, and are neither
 * refused nor held up: of an address that has sent many of them, a token is replaced by another word, so that the API
 * treats it as any wrong credential.
 * @returns `undefined` where there are no tokens
 */
export function tokenFilter({ admin, viewer }: Tokens, site: TokenFilterSite): TokenFilter | undefined {
  const tokens = [admin, viewer].filter((token): token is string => Boolean(token));
  if (tokens.length === 0) return undefined;
  const { throttle, adminThrottle, clientOf, logger } = site;
  const holds = (value: string): boolean => wordsOf(value).some((word) => tokens.includes(word));
  const secret = randomBytes(32);
  const decoys = tokens.map((token): [string, string] => [token, decoyOf(token, secret)]);
  /** A connection that sends what it sent before tries nothing. */
  const lastOf = new WeakMap<Socket, string>();
  let quietUntil = Number.NEGATIVE_INFINITY;

  const mustWait = (client: string | undefined): boolean =>
    throttle.waitMs(client) > 0 || adminThrottle.waitMs(client) > 0;

  function count(req: IncomingMessage, value: string): void {
    if (lastOf.get(req.socket) === value) return;
    lastOf.set(req.socket, value);
    const client = clientOf(req);
    if (!mustWait(client)) throttle.failed(client, value);
  }

  /** What an API gets in place of a token; `undefined` is nothing. */
  function substituteOf(req: IncomingMessage, value: string): string | undefined {
    const client = clientOf(req);
    if (!mustWait(client)) return undefined;
    const now = performance.now();
    if (now >= quietUntil) {
      quietUntil = now + QUIET_MS;
      logger.warn(
        { client },
        'a token of the gateway came with a call, from an address that tries many credentials: no API got it',
      );
    }
    const replaced = withDecoy(value, decoys);
    return holds(replaced) ? undefined : replaced;
  }

  return function dropTokens(req) {
    const { headers, rawHeaders } = req;
    if (headers.authorization === undefined) return;
    let kept: string | undefined;
    for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
      if (rawHeaders[i]?.toLowerCase() !== 'authorization') continue;
      const value = rawHeaders[i + 1] ?? '';
      const passed = holds(value) ? substituteOf(req, value) : value;
      if (passed === undefined) rawHeaders.splice(i, 2);
      else {
        if (passed === value) count(req, value);
        else rawHeaders[i + 1] = passed;
        kept = passed;
      }
    }
    if (kept === undefined) delete headers.authorization;
    else headers.authorization = kept;
  };
}

/** The words of an `Authorization`, and what a pair of Basic says. */
function wordsOf(value: string): string[] {
  const words = value.split(/[\s,]+/);
  if (!isBasic(words)) return words;
  const pair = pairOf(words);
  const colon = pair.indexOf(':');
  return [...words, pair.slice(0, Math.max(0, colon)), pair.slice(colon + 1)];
}

const isBasic = ([scheme = '']: readonly string[]): boolean => /^basic$/i.test(scheme);

const pairOf = ([, encoded = '']: readonly string[]): string =>
  Buffer.from(encoded, 'base64').toString('utf8');

function withDecoy(value: string, decoys: readonly (readonly [token: string, decoy: string])[]): string {
  const replaced = (text: string) =>
    decoys.reduce((result, [token, decoy]) => result.replaceAll(token, () => decoy), text);
  const words = value.split(/[\s,]+/);
  if (!isBasic(words)) return replaced(value);
  return `${words[0]} ${Buffer.from(replaced(pairOf(words))).toString('base64')}`;
}

const DIGITS = '0123456789';
const SMALL = 'abcdefghijklmnopqrstuvwxyz';
const LARGE = SMALL.toUpperCase();

/** A word that looks like the token, the same each time: one that is tried twice is found in the same caches. */
function decoyOf(token: string, secret: Buffer): string {
  let decoy = '';
  for (const [i, char] of [...token].entries()) {
    const [byte = 0] = createHmac('sha256', secret).update(`${i} ${token}`).digest();
    const kind = [DIGITS, SMALL, LARGE].find((chars) => chars.includes(char));
    decoy += kind?.[byte % kind.length] ?? char;
  }
  return decoy;
}
