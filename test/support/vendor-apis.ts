/** One of a vendor's limits, as its API counts it. */
interface Limit {
  /** Calls that the API has taken, or tokens. */
  used: number;
  /** What it would have taken until `now`, all in all. */
  allowed(now: number): number;
  /** Whether there is room for so much. */
  hasRoom(points: number, now: number): boolean;
  take(points: number, now: number): void;
  readonly size: number;
  /**
   * What may stay unused in a bucket, and be used a moment later: the most that a call takes, since the level is told as
   * a whole number, and nobody knows before what a call will take.
   */
  slack: number;
  left(now: number): number;
  /** Milliseconds until it is as at first. */
  resetMs(now: number): number;
}

/** A call of a client. */
export interface VendorCall {
  readonly method: string;
  readonly url: string;
  /** What it takes of each of its limits, by name. */
  readonly takes: Readonly<Record<string, number>>;
}

/** A mock of an API, without sockets: it only counts. */
export interface VendorApi {
  readonly limits: ReadonlyMap<string, Limit>;
  /** After this time a client has had a window to learn. */
  readonly firstMs: number;
  /** Calls a second that are ten times what the limits allow. */
  readonly offered: number;
  /** Limits that calls use up; others have room to spare. */
  readonly binding: readonly string[];
  call(random: () => number): VendorCall;
  respond(call: VendorCall, now: number): { status: number; rawHeaders: string[] };
}

/** A window that begins with its first call. @param grainMs it ends at a multiple of this */
function windowed(size: number, windowMs: number, grainMs = 1): Limit {
  let endsAt = 0;
  let taken = 0;
  let begun = 0;
  const turn = (now: number) => {
    if (now >= endsAt) {
      taken = 0;
      endsAt = 0;
    }
  };
  return {
    used: 0,
    slack: 0,
    size,
    allowed: () => begun * size,
    hasRoom(points, now) {
      turn(now);
      return taken + points <= size;
    },
    take(points, now) {
      turn(now);
      if (endsAt === 0) {
        endsAt = Math.ceil((now + windowMs) / grainMs) * grainMs;
        begun++;
      }
      taken += points;
      this.used += points;
    },
    left(now) {
      turn(now);
      return size - taken;
    },
    resetMs(now) {
      turn(now);
      return endsAt === 0 ? windowMs : endsAt - now;
    },
  };
}

/** A bucket that fills up all the time. */
function bucket(size: number, windowMs: number, begin: number, slack = 1): Limit {
  let level = size;
  let at = begin;
  const fill = (now: number) => {
    level = Math.min(size, level + ((now - at) * size) / windowMs);
    at = now;
  };
  return {
    used: 0,
    slack,
    size,
    allowed: (now) => ((now - begin) * size) / windowMs,
    hasRoom(points, now) {
      fill(now);
      return level >= points;
    },
    take(points) {
      level -= points;
      this.used += points;
    },
    left(now) {
      fill(now);
      return Math.floor(level);
    },
    resetMs(now) {
      fill(now);
      return ((size - level) * windowMs) / size;
    },
  };
}

type Headers = (names: readonly string[], now: number, refused: boolean) => string[];

function mock(
  limits: ReadonlyMap<string, Limit>,
  parts: Pick<VendorApi, 'firstMs' | 'offered' | 'call'> & { binding?: readonly string[] },
  headers: Headers,
): VendorApi {
  return {
    limits,
    binding: [...limits.keys()],
    ...parts,
    respond({ takes }, now) {
      const names = Object.keys(takes);
      const full = names.some((name) => !limits.get(name)?.hasRoom(takes[name] ?? 0, now));
      if (!full) for (const name of names) limits.get(name)?.take(takes[name] ?? 0, now);
      return { status: full ? 429 : 200, rawHeaders: headers(names, now, full) };
    },
  };
}

const oneOf = <T>(values: readonly T[], random: () => number): T =>
  values[Math.floor(random() * values.length)] as T;

/** GitHub: three resources, each with its own window. @param hour for tests: of a size and length of its own */
export function gitHub(hour = { size: 5000, ms: 3_600_000 }): VendorApi {
  const minuteMs = Math.min(60_000, hour.ms);
  const limits = new Map([
    // Their resets are told in whole seconds, and are meant so.
    ['core', windowed(hour.size, hour.ms, 1000)],
    ['search', windowed(30, minuteMs, 1000)],
    ['graphql', windowed(hour.size, hour.ms, 1000)],
  ]);
  const perSecond = (name: string, ms: number) => ((limits.get(name)?.size ?? 0) / ms) * 1000;
  const [core, search] = [perSecond('core', hour.ms), perSecond('search', minuteMs)];
  const all = 2 * core + search;
  const owners = ['a', 'b', 'c', 'd'];
  const kinds: ((random: () => number) => VendorCall)[] = [
    (random) => ({
      method: 'GET',
      url: `/repos/${oneOf(owners, random)}/x/issues/${Math.floor(random() * 1000)}`,
      takes: { core: 1 },
    }),
    (random) => ({ method: 'GET', url: `/users/${oneOf(owners, random)}`, takes: { core: 1 } }),
    (random) => ({
      method: 'GET',
      url: `/search/${oneOf(['code', 'issues'], random)}?q=x`,
      takes: { search: 1 },
    }),
    () => ({ method: 'POST', url: '/graphql', takes: { graphql: 1 } }),
  ];
  const shares = [core / 2 / all, core / 2 / all, search / all, core / all];
  return mock(
    limits,
    {
      firstMs: hour.ms,
      offered: 10 * all,
      call(random) {
        let at = random();
        const kind = kinds.find((_kind, of) => {
          at -= shares[of] ?? 1;
          return at < 0;
        });
        return (kind ?? kinds[0])?.(random) as VendorCall;
      },
    },
    ([name = ''], now) => [
      'x-ratelimit-limit',
      `${limits.get(name)?.size}`,
      'x-ratelimit-remaining',
      `${limits.get(name)?.left(now)}`,
      'x-ratelimit-reset',
      `${Math.ceil((now + (limits.get(name)?.resetMs(now) ?? 0)) / 1000)}`,
      'x-ratelimit-resource',
      name,
    ],
  );
}

/** A duration as Go writes it. */
const goDuration = (ms: number) => {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${Math.round((ms % 60_000) / 10) / 100}s`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
};

/**
 * OpenAI: requests and tokens, both filling up all the time.
 * @param tokens mean of a request
 * @param minuteMs for tests: another length
 */
export function openAi(now: number, tokens: number, minuteMs = 60_000): VendorApi {
  const limits = new Map([
    ['requests', bucket(500, minuteMs, now)],
    ['tokens', bucket(30_000, minuteMs, now, 1.5 * tokens)],
  ]);
  const requests = (Math.min(500, 30_000 / tokens) * 1000) / minuteMs;
  return mock(
    limits,
    {
      firstMs: minuteMs,
      offered: 10 * requests,
      binding: [tokens * 500 > 30_000 ? 'tokens' : 'requests'],
      call: (random) => ({
        method: 'POST',
        url: oneOf(['/v1/chat/completions', '/v1/responses'], random),
        takes: { requests: 1, tokens: Math.round(tokens * (0.5 + random())) },
      }),
    },
    (names, at, refused) => [
      ...names.flatMap((name) => {
        const limit = limits.get(name);
        return [
          `x-ratelimit-limit-${name}`,
          `${limit?.size}`,
          `x-ratelimit-remaining-${name}`,
          `${limit?.left(at)}`,
          `x-ratelimit-reset-${name}`,
          goDuration(limit?.resetMs(at) ?? 0),
        ];
      }),
      ...(refused ? ['retry-after-ms', '500', 'Retry-After', '1'] : []),
    ],
  );
}

/** Discord: a bucket for each kind of route and each channel. */
export function discord(): VendorApi {
  const channels = ['81384788765712384', '81384788765712385', '81384788765712386'];
  const limits = new Map<string, Limit>(
    channels.flatMap((channel) => [
      [`post@${channel}`, windowed(5, 5000)] as const,
      [`get@${channel}`, windowed(50, 10_000)] as const,
    ]),
  );
  return mock(
    limits,
    {
      firstMs: 10_000,
      offered: 10 * 3 * (1 + 5),
      call(random) {
        const channel = oneOf(channels, random);
        const posts = random() < 1 / 6;
        const url = `/api/v10/channels/${channel}/messages${posts ? '' : '?limit=10'}`;
        return {
          method: posts ? 'POST' : 'GET',
          url,
          takes: { [`${posts ? 'post' : 'get'}@${channel}`]: 1 },
        };
      },
    },
    ([name = ''], now, refused) => {
      const limit = limits.get(name);
      const resetMs = limit?.resetMs(now) ?? 0;
      const after = (Math.ceil(resetMs) / 1000).toFixed(3);
      return [
        ...['X-RateLimit-Limit', `${limit?.size}`, 'X-RateLimit-Remaining', `${limit?.left(now)}`],
        ...['X-RateLimit-Reset', `${((now + resetMs) / 1000).toFixed(3)}`, 'X-RateLimit-Reset-After', after],
        ...['X-RateLimit-Bucket', name.startsWith('post') ? 'aaaa' : 'bbbb'],
        ...(refused ? ['Retry-After', `${Math.ceil(resetMs / 1000)}`] : []),
      ];
    },
  );
}

/** Shopify: a bucket of 40 from which 2 a second leak. */
export function shopify(now: number): VendorApi {
  const limit = bucket(40, 20_000, now);
  const paths = ['/admin/api/2024-01/products.json', '/admin/api/2024-01/orders/450789469.json'];
  return mock(
    new Map([['calls', limit]]),
    {
      firstMs: 20_000,
      offered: 20,
      call: (random) => ({ method: 'GET', url: oneOf(paths, random), takes: { calls: 1 } }),
    },
    (_names, at, refused) => [
      ...['X-Shopify-Shop-Api-Call-Limit', `${40 - limit.left(at)}/40`],
      ...(refused ? ['Retry-After', '2.0'] : []),
    ],
  );
}

/** By name; each makes a mock that begins at `now`. */
export const VENDOR_APIS: Readonly<Record<string, (now: number) => VendorApi>> = {
  GitHub: () => gitHub(),
  'OpenAI, requests bind': (now) => openAi(now, 40),
  'OpenAI, tokens bind': (now) => openAi(now, 120),
  Discord: () => discord(),
  Shopify: (now) => shopify(now),
};
