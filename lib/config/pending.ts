import type { Environment } from './environment.js';

/** Blocks of one API whose part is not built yet, in our own names and units. */
export interface PendingBlocks {
  rateLimit?: boolean | Record<string, unknown>;
  proxyRotate?: boolean | Record<string, unknown>;
  stats?: boolean | Record<string, unknown>;
}

/** The names of {@link PendingBlocks}. */
export const PENDING = ['rateLimit', 'proxyRotate', 'stats'] as const;

/** Everything a configuration says to parts that are not built yet. */
export interface Pending {
  readonly apis: Readonly<Record<string, PendingBlocks>>;
  /** The block `redis`, or what the variables REDIS_URL, REDIS_HOST, REDIS_PORT and REDIS_PASSWORD say. */
  readonly redis: unknown;
  /** Forward proxies of the variables PROXY_URLS and PROXY_URL. */
  readonly proxies: readonly string[];
}

/** Blocks of an API over those of `defaults`, as the blocks of the other parts are merged. */
export function mergePending(common: PendingBlocks, own: PendingBlocks): PendingBlocks {
  const entries = PENDING.map((name) => {
    const [below, above] = [common[name], own[name]];
    return [
      name,
      typeof below === 'object' && typeof above === 'object' ? { ...below, ...above } : (above ?? below),
    ];
  });
  return Object.fromEntries(entries.filter(([, block]) => block !== undefined && block !== false));
}

/** What the variables of the OpenResty gateway say, and where they say it. */
export function pendingFromEnvironment(env: Environment): {
  redis: unknown;
  proxies: string[];
  warnings: string[];
} {
  const { REDIS_URL: url, REDIS_HOST: host, REDIS_PORT: port, REDIS_PASSWORD: password } = env;
  const redis =
    url || (host ? { host, port: Number(port || 6379), ...(password ? { password } : {}) } : undefined);
  const proxies = (env.PROXY_URLS || env.PROXY_URL || '')
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const set = [
    redis && (url ? 'REDIS_URL' : 'REDIS_HOST'),
    proxies.length > 0 && (env.PROXY_URLS ? 'PROXY_URLS' : 'PROXY_URL'),
  ];
  return {
    redis,
    proxies,
    warnings: set
      .filter((name) => typeof name === 'string')
      .map((name) => `The variable ${name} is for a part that is not built yet and has no effect`),
  };
}

/**
 * What to tell about the blocks of one API. A rotation that is not built must not become direct calls, so
 * its API answers 503 until it is.
 */
export function pendingWarnings(
  place: string,
  blocks: PendingBlocks,
): { warnings: string[]; failsClosed: boolean } {
  const failsClosed = rotates(blocks.proxyRotate);
  const warnings = PENDING.filter((name) => blocks[name]).map((name) =>
    name === 'proxyRotate' && failsClosed
      ? `${place}.proxyRotate is not built yet: every call is answered 503 ERR_NO_PROXY, for none may go out directly`
      : `${place}.${name} is not built yet and has no effect`,
  );
  return { warnings, failsClosed };
}

function rotates(block: PendingBlocks['proxyRotate']): boolean {
  if (typeof block !== 'object') return block === true;
  return block.strategy !== 'never';
}
