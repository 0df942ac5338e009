import { createHash, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { count, headerName, headerValue } from '../core/options.js';
import { type ProxyAddress, proxyAddress } from './proxy-address.js';

/** What can be said of a proxy behind whose address there are many. */
export interface GatewayProxy {
  /**
   * Every connection through it comes from another address: each attempt gets a new one. What a target says of one
   * attempt, a 429 or a ban, is no reason for this proxy to cool down; the call is sent through it again at once.
   * Cannot go with `{session}`, nor with the strategy `'sticky'`.
   * @default false
   */
  rotating?: boolean | undefined;
  /**
   * How many sessions are kept at a time, each with an address of its own, for a URL with `{session}` in its user or
   * password. One that a target refuses, by `cooldownOnStatus` or `banWhen`, is replaced by a new one. Each counts as a
   * proxy of its own: `weight`, the rotation's `maxConcurrency` and `requestsPerProxy` are for each session.
   * @default 20; with the strategy 'sticky' one for each `stickyKey`
   */
  sessions?: number | undefined;
  /**
   * Attempts after which a session is replaced by a new one.
   * @default unlimited
   */
  maxUses?: number | undefined;
  /**
   * Headers of the CONNECT requests, which only an http or https proxy reads: `{ 'X-Country': 'de' }`. With `tunnel:
   * false`, of the requests to http targets too.
   * @default {}
   */
  connectHeaders?: Record<string, string> | undefined;
}

/** Headers of a CONNECT that are the connection's own, or hold credentials that belong in the URL. */
const OWN: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'proxy-connection', 'content-length', 'transfer-encoding', 'proxy-authorization'],
  ...['upgrade', 'te', 'trailer', 'expect', 'keep-alive'],
]);

const connectHeader = headerName.refine(
  (name) => !OWN.has(name.toLowerCase()),
  'must not be a header of the connection itself; credentials belong in the url',
);

/** The schema of {@link GatewayProxy}. */
export const gatewayShape = {
  rotating: z.boolean().optional(),
  sessions: count.max(10_000).optional(),
  maxUses: count.optional(),
  connectHeaders: z.record(connectHeader, headerValue).optional(),
};

/** Stands in a URL for the name of a session. */
const PLACE = '{session}';

/** The same in the text of a URL, percent-encoded or not. */
const WRITTEN_PLACE = /(?:\{|%7[Bb])session(?:\}|%7[Dd])/g;

/** Whether a URL of a proxy names sessions. */
export function hasSession(url: string): boolean {
  if (!url.includes('session')) return false;
  const { username, password } = new URL(url);
  return decodeURIComponent(username + password).includes(PLACE);
}

/** What is wrong with a proxy's options taken together, and the option; `undefined` if nothing is. */
export function gatewayProblem(
  url: string,
  { rotating, sessions, maxUses, connectHeaders }: GatewayProxy,
): readonly [option: string, rule: string] | undefined {
  const isTemplate = hasSession(url);
  if (rotating && isTemplate) return ['rotating', 'cannot go with {session} in the url'];
  if (sessions !== undefined && !isTemplate) return ['sessions', 'needs {session} in the user of the url'];
  if (maxUses !== undefined && !isTemplate) return ['maxUses', 'needs {session} in the user of the url'];
  if (connectHeaders && /^socks/i.test(url)) return ['connectHeaders', 'cannot go with a SOCKS proxy'];
  return undefined;
}

/** The address of a proxy for one session. */
export function sessionAddress(url: string, session: string): ProxyAddress | undefined {
  const address = proxyAddress(url.replace(WRITTEN_PLACE, session));
  return typeof address === 'string' ? undefined : address;
}

/** The name of a new session; sessions of two processes are never the same. */
export const newSession = (): string => named(randomBytes(16));

/**
 * The name of a key's session, the same in each process. The key cannot be read from it: it may be a client's address.
 * @param generation how many sessions of the key were replaced
 */
export function sessionOf(key: string, generation: number): string {
  return named(createHash('sha256').update(`${generation} ${key}`).digest());
}

/** Letters and digits alone: gateways split the user at other characters. */
function named(bytes: Buffer): string {
  return bytes.readBigUInt64BE().toString(36).padStart(13, '0').slice(-12);
}
