import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import * as z from 'zod';
import { InvalidOptionError, invalidOption } from '../core/errors.js';

/** A client of ioredis, for one Redis, Sentinels or a Cluster. */
export type RedisClient = Redis | Cluster;

/** A node of a Cluster. */
export interface RedisNode {
  /** Host name or address. */
  host: string;
  /**
   * Port.
   * @default 6379
   */
  port?: number | undefined;
}

/** What limits do while Redis is lost. */
export type OnStoreLoss = 'local' | 'divided' | 'reject';

/** Its options, of which `undefined` is the default as well. */
type ClientOptions = {
  [Name in keyof Omit<RedisOptions, 'tls' | 'sentinelTLS'>]?: RedisOptions[Name] | undefined;
};

/** How to reach Redis, and how it is used. All options of ioredis are among these. */
export interface RedisSettings extends ClientOptions {
  /** A client of ioredis, in place of everything that says how to reach Redis. It is not closed. */
  client?: RedisClient | undefined;
  /** A `redis:` or `rediss:` URL. What it does not say may stand beside it. */
  url?: string | undefined;
  /** Nodes of a Cluster; it tells of the others. */
  cluster?: readonly (string | RedisNode)[] | undefined;
  /** TLS, with options of `tls.connect()`: `ca`, `cert`, `key`, `servername`. */
  tls?: boolean | ConnectionOptions | undefined;
  /** TLS of the Sentinels. */
  sentinelTls?: boolean | ConnectionOptions | undefined;
  /**
   * Begin of all keys and channels. Fleets with different prefixes share nothing.
   * @default 'rpo'
   */
  prefix?: string | undefined;
  /**
   * How long a call waits for Redis.
   * @default 50
   */
  commandTimeoutMs?: number | undefined;
  /**
   * What configured limits do while Redis is lost.
   * @default 'local'
   */
  onStoreLoss?: OnStoreLoss | undefined;
}

/** How to reach Redis: an ioredis client, settings, a `redis:` or `rediss:` URL, or the path of a socket. */
export type RedisConnection = RedisClient | RedisSettings | string;

/** What of the settings is not about the connection. */
const USES = ['prefix', 'commandTimeoutMs', 'onStoreLoss'] as const;
/** What may not stand beside a client. */
const OWN = ['client', ...USES];

const isSecure = (url: string) => /^rediss:/i.test(url);
const isUrl = (value: string) => /^rediss?:\/\//i.test(value);

/** Whether a value is a client, even of another copy of ioredis. */
export function isRedisClient(value: unknown): value is RedisClient {
  return typeof value === 'object' && value !== null && 'duplicate' in value && 'getBuffer' in value;
}

function isConnection(value: unknown): boolean {
  if (typeof value === 'string') return isUrl(value) || value.startsWith('/');
  return isRedisClient(value) || (typeof value === 'object' && value !== null && !Array.isArray(value));
}

const RULE = 'must be an ioredis client, its options, or a redis: or rediss: URL';

/** The option `redis` of all parts together. */
export const redisOption = z.custom<RedisConnection>(isConnection, RULE);

/** The option `redis` of a part that stands alone. */
export const redisConnection = z.custom<RedisConnection>(isConnection, RULE).refine(
  (value) => {
    if (typeof value === 'string' || isRedisClient(value) || 'health' in value) return true;
    return USES.every((name) => value[name] === undefined);
  },
  `must not hold ${USES.join(', ')}, which are options of their own here`,
);

/**
 * Settings without contradictions.
 * @throws InvalidOptionError; no value is shown that may be a secret
 */
export function checkedSettings(connection: RedisConnection): RedisSettings {
  if (typeof connection === 'string') {
    if (!isUrl(connection)) return { path: connection };
    const problem = urlProblem(connection);
    if (problem !== undefined) throw new InvalidOptionError('redis', `redis ${problem}`);
    return { url: connection };
  }
  if (isRedisClient(connection)) return { client: connection };
  const given = Object.entries(connection).filter(([, value]) => value !== undefined);
  const settings: RedisSettings = Object.fromEntries(given);
  const { client, url, cluster, sentinels, path, db, prefix, commandTimeoutMs, onStoreLoss } = settings;
  if (client !== undefined && !isRedisClient(client)) throw refused('client', 'must be a client of ioredis');
  const beside = Object.keys(settings).find((name) => !OWN.includes(name));
  if (client !== undefined && beside !== undefined)
    throw refused(beside, 'must not stand beside redis.client');
  const places = { url, cluster, sentinels, path };
  const [first, second] = Object.entries(places).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  if (second !== undefined) throw refused(second, `must not stand beside redis.${first}`);
  if (cluster !== undefined && db) throw refused('db', 'must be 0: a Cluster has no other database');
  if (sentinels !== undefined && settings.name === undefined)
    throw refused('name', 'must name the group of masters that the Sentinels watch');
  if (url !== undefined) checkUrl(url, settings);
  checkShapes(settings);
  if (prefix !== undefined && !(typeof prefix === 'string' && /^[^\s{}]{1,100}$/.test(prefix)))
    throw invalidOption('redis.prefix', 'must be 1 to 100 characters without spaces and braces', prefix);
  if (commandTimeoutMs !== undefined && !(commandTimeoutMs >= 1 && commandTimeoutMs <= 60_000))
    throw invalidOption('redis.commandTimeoutMs', 'must be from 1 to 60000', commandTimeoutMs);
  if (onStoreLoss !== undefined && !['local', 'divided', 'reject'].includes(onStoreLoss))
    throw invalidOption('redis.onStoreLoss', "must be 'local', 'divided' or 'reject'", onStoreLoss);
  return settings;
}

function checkShapes({ cluster, sentinels, port, db, tls, sentinelTls }: RedisSettings): void {
  for (const [name, value] of Object.entries({ tls, sentinelTls })) {
    const isTls = typeof value === 'boolean' || (typeof value === 'object' && value !== null);
    if (value !== undefined && !isTls) throw refused(name, 'must be true, false or options of tls.connect()');
  }
  const nodes: unknown = cluster;
  if (nodes !== undefined && !(Array.isArray(nodes) && nodes.length > 0 && nodes.every(isNode)))
    throw refused('cluster', "must be a list of nodes: 'host:port', or { host, port }");
  const watchers: unknown = sentinels;
  if (watchers !== undefined && !(Array.isArray(watchers) && watchers.length > 0 && watchers.every(isPlace)))
    throw refused('sentinels', 'must be a list of { host, port }');
  if (!isPort(port)) throw invalidOption('redis.port', 'must be a port from 1 to 65535', port);
  // ioredis would throw the refusal of Redis where nobody catches it.
  if (db !== undefined && !/^\d+$/.test(String(db)))
    throw invalidOption('redis.db', 'must be the number of a database', db);
}

function isNode(node: unknown): boolean {
  if (typeof node !== 'string') return isPlace(node);
  const port = /^(?:rediss?:\/\/)?(?:[\w.-]+|\[[\da-f:]+\])(?::(\d{1,5}))?$/i.exec(node);
  return port !== null && isPort(port[1]);
}

function isPlace(place: unknown): boolean {
  if (typeof place !== 'object' || place === null) return false;
  return 'host' in place && typeof place.host === 'string' && isPort(Reflect.get(place, 'port'));
}

// As text too, since it may come from the environment.
const isPort = (port: unknown): boolean =>
  port === undefined || (/^\d+$/.test(String(port)) && Number(port) >= 1 && Number(port) <= 65_535);

/** What a URL says must not be said again: one of both would be dropped. */
function checkUrl(text: string, settings: RedisSettings): void {
  const problem = urlProblem(text);
  if (problem !== undefined) throw refused('url', problem);
  const url = new URL(text);
  if (isSecure(text) && settings.tls === false)
    throw refused('tls', 'must not be false, since redis.url begins with rediss:');
  const said: Partial<Record<keyof RedisSettings, unknown>> = {
    host: url.hostname,
    port: url.port || url.hostname,
    username: url.username,
    password: url.password,
    db: url.pathname.length > 1 || url.searchParams.get('db'),
  };
  for (const [name, value] of Object.entries(said)) {
    const own: unknown = Reflect.get(settings, name);
    if (own !== undefined && value) throw refused(name, 'must not be set, since redis.url says it');
  }
}

/** What is wrong with a URL, as a rule. The text is not shown: it may hold a password. */
function urlProblem(text: string): string | undefined {
  if (!isUrl(text) || !URL.canParse(text)) return 'must be a redis: or rediss: URL';
  const { username, password, pathname, searchParams } = new URL(text);
  try {
    decodeURIComponent(username + password);
  } catch {
    return 'must be a URL whose user name and password have each % written as %25';
  }
  // Redis would refuse the name, and ioredis go on in database 0, or throw where nobody catches it.
  if (!/^\/?\d*$/.test(pathname) || !/^\d*$/.test(searchParams.get('db') ?? ''))
    return 'must be a URL that names its database by a number, as in redis://host:6379/2';
  return undefined;
}

const refused = (name: string, rule: string) =>
  new InvalidOptionError(`redis.${name}`, `redis.${name} ${rule}`);

/** How Redis is used. */
export function usesOf(connection: RedisConnection | undefined): Pick<RedisSettings, (typeof USES)[number]> {
  if (connection === undefined || typeof connection === 'string' || isRedisClient(connection)) return {};
  const { prefix, commandTimeoutMs, onStoreLoss } = connection;
  return { prefix, commandTimeoutMs, onStoreLoss };
}

/** As the constructors of ioredis want them: its `RedisOptions` alone, they refuse. */
export type OwnOptions = RedisOptions & { replyMapping?: 'legacy' };

/** What ioredis makes a client from. */
export interface ClientParts {
  readonly nodes: readonly RedisNode[] | undefined;
  readonly options: OwnOptions;
}

/** The settings in the words of ioredis. */
export function clientParts(settings: RedisSettings): ClientParts {
  const { client: _client, url, cluster, tls, sentinelTls, ...rest } = settings;
  for (const name of USES) delete rest[name];
  // Without what is undefined: checkedSettings() has left it out.
  const options = { ...rest } as OwnOptions;
  const urls = cluster ?? (url === undefined ? [] : [url]);
  const secure = tlsOf(tls ?? urls.some((node) => typeof node === 'string' && isSecure(node)));
  if (secure) options.tls = secure;
  const secureSentinels = tlsOf(sentinelTls);
  if (secureSentinels) options.sentinelTLS = secureSentinels;
  if (options.sentinels && secure) options.enableTLSForSentinelMode = true;
  const nodes = cluster?.map((node) => (typeof node === 'string' ? nodeOf(node) : { port: 6379, ...node }));
  return { nodes, options };
}

function tlsOf(tls: RedisSettings['tls']): ConnectionOptions | undefined {
  if (tls === true) return {};
  return tls || undefined;
}

function nodeOf(text: string): RedisNode {
  const url = new URL(isUrl(text) ? text : `redis://${text}`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) };
}

/** Options of ioredis for a Cluster. */
export function clusterOptions(
  options: OwnOptions,
  retry: (times: number) => number,
): ClusterOptions & { redisOptions: OwnOptions } {
  return {
    redisOptions: options,
    enableOfflineQueue: false,
    enableAutoPipelining: options.enableAutoPipelining ?? true,
    autoPipeliningIgnoredCommands: options.autoPipeliningIgnoredCommands ?? [],
    clusterRetryStrategy: retry,
    slotsRefreshTimeout: 2000,
    // A certificate holds names, and not the addresses that they lead to.
    ...(options.tls ? { dnsLookup: (name, found) => found(null, name) } : {}),
  };
}
