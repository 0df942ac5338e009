import { type Item, items, readAmount, readCount, readReset, seconds } from './limit-text.js';
import { NAME_HEADERS, VENDOR_LIMITS, type VendorLimit } from './limit-vendors.js';

/** One limit of a sender, as far as a response tells of it. */
export interface AdvertisedWindow {
  /** As the API calls it; empty if it has no name. */
  readonly name: string;
  /** What is counted, if not requests. */
  readonly unit?: 'tokens';
  /** The name is that of a bucket, of which each channel, guild or webhook has one. */
  readonly bucket?: boolean;
  /** Time until the window ends; of a limit that refills, until it is full. */
  readonly waitMs: number | undefined;
  readonly remaining: number | undefined;
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
  /** It fills up all the time. */
  readonly refills?: boolean;
}

/** Values of headers, by name in lower case. */
export type LimitHeaders = ReadonlyMap<string, string>;

/** Every limit that the headers tell of. */
export function windowsOf(headers: LimitHeaders, now: number): readonly AdvertisedWindow[] {
  const windows = [...fromStructured(headers), ...fromPlain(headers, now)];
  // Atlassian's points, of which a call takes several: https://developer.atlassian.com/cloud/jira/platform/rate-limiting
  for (const window of fromStructured(headers, 'beta-')) windows.push({ ...window, unit: 'tokens' });
  let isVendors = false;
  for (const name of headers.keys()) if (VENDOR_HEADERS.has(name)) isVendors = true;
  if (!isVendors) return windows;
  for (const row of VENDOR_LIMITS) {
    const window = fromVendor(row, headers, now);
    if (window) windows.push(window);
  }
  return windows;
}

/** The headers that the functions here read. */
export function windowHeaders(): string[] {
  const names = [...PLAIN, ...NAME_HEADERS];
  for (const { limit, remaining, reset, usedOfLimit, allInOne, window, nameHeader } of VENDOR_LIMITS)
    for (const name of [limit, remaining, reset, usedOfLimit, allInOne, window, nameHeader])
      if (name) names.push(name);
  return names;
}

const PLAIN: readonly string[] = [
  'ratelimit',
  'ratelimit-policy',
  'beta-ratelimit',
  'beta-ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-reset-after',
  'x-ratelimit-policy',
  'x-ratelimit-interval-seconds',
  'x-ratelimit-fillrate',
  'x-rate-limit',
  'x-rate-limit-limit',
  'x-rate-limit-remaining',
  'x-rate-limit-reset',
];

/** Names of the headers that advertise a limit, in the forms that are not one vendor's. */
export const LIMIT_HEADERS: readonly string[] = PLAIN.filter((name) =>
  /^(?:ratelimit|x-rate-?limit-(?:limit|remaining|reset)$)/.test(name),
);

/** One of these is there where one of the rows is. */
const VENDOR_HEADERS: ReadonlySet<string> = new Set(
  VENDOR_LIMITS.map(({ remaining, usedOfLimit, allInOne }) => remaining ?? usedOfLimit ?? allInOne ?? ''),
);

/** Zendesk's. */
const ALL_IN_ONE = /^\s*total=(\d{1,15});\s*remaining=(\d{1,15});\s*resets=(\d{1,15})\s*$/;

function fromVendor(row: VendorLimit, headers: LimitHeaders, now: number): AdvertisedWindow | undefined {
  const of = (name: string | undefined) => (name === undefined ? undefined : headers.get(name));
  const pair = /^\s*(\d{1,15})\s*\/\s*(\d{1,15})\s*$/.exec(of(row.usedOfLimit) ?? '');
  const [, total, left, resets] = ALL_IN_ONE.exec(of(row.allInOne) ?? '') ?? [];
  const limit = pair ? Number(pair[2]) : readAmount(total ?? of(row.limit));
  const remaining = pair
    ? Math.max(0, Number(pair[2]) - Number(pair[1]))
    : readAmount(left ?? of(row.remaining));
  if (remaining === undefined) return undefined;
  const rest = of(row.nameHeader)?.trim();
  return {
    name: rest ? `${row.name} ${rest}` : row.name,
    ...(row.unit && { unit: row.unit }),
    waitMs: readReset(resets ?? of(row.reset), headers.get('date'), now),
    remaining,
    limit,
    windowMs: readCount(of(row.window)) ?? row.windowMs,
    ...(row.refills && { refills: true }),
  };
}

/** `RateLimit-*` and `X-RateLimit-*`, each with three headers. */
function fromPlain(headers: LimitHeaders, now: number): AdvertisedWindow[] {
  const limit = headers.get('ratelimit-limit');
  const remaining = headers.get('ratelimit-remaining');
  const reset = headers.get('ratelimit-reset');
  const policy = headers.get('ratelimit-policy');
  const xLimit =
    headers.get('x-ratelimit-limit') ?? headers.get('x-rate-limit-limit') ?? headers.get('x-rate-limit');
  const xRemaining = headers.get('x-ratelimit-remaining') ?? headers.get('x-rate-limit-remaining');
  const after = headers.get('x-ratelimit-reset-after');
  const xReset = after ?? headers.get('x-ratelimit-reset') ?? headers.get('x-rate-limit-reset');
  const rest = { headers, now };
  // Each family by itself where each says what is left; else one makes up for what the other lacks.
  if (remaining === undefined || xRemaining === undefined)
    return fromThree({
      limit: limit ?? xLimit,
      remaining: remaining ?? xRemaining,
      reset: reset ?? xReset,
      policy,
      ...rest,
    });
  return [
    ...fromThree({ limit, remaining, reset, policy, ...rest }),
    ...fromThree({ limit: xLimit, remaining: xRemaining, reset: xReset, ...rest }),
  ];
}

interface Three {
  readonly limit: string | undefined;
  readonly remaining: string | undefined;
  readonly reset: string | undefined;
  readonly policy?: string | undefined;
  readonly headers: LimitHeaders;
  readonly now: number;
}

function fromThree({ limit, remaining, reset, policy, headers, now }: Three): AdvertisedWindow[] {
  if (limit === undefined && remaining === undefined && reset === undefined) return [];
  const date = headers.get('date');
  const several = remaining?.includes(',')
    ? severalWindows(limit, remaining, reset, headers, now)
    : undefined;
  if (several) return several;
  // In one draft the same header held the policies: `100, 100;w=60`.
  const list = limit !== undefined && /[,;]/.test(limit);
  const policies = policy ?? (list ? limit.slice(limit.indexOf(',') + 1) : undefined);
  const quota = readAmount(list ? limit.split(/[,;]/, 1)[0] : limit);
  const interval = seconds(headers.get('x-ratelimit-interval-seconds'));
  const filled = readCount(headers.get('x-ratelimit-fillrate'));
  const refills = interval !== undefined && filled !== undefined && filled > 0;
  return [
    {
      ...nameOf(headers),
      waitMs: readReset(reset, date, now),
      remaining: readAmount(remaining),
      limit: quota,
      windowMs:
        seconds(policyOf(policies, quota)?.parameters.get('w')) ??
        (refills && quota !== undefined ? (interval * quota) / filled : interval),
      // Atlassian: https://confluence.atlassian.com/doc/_ratelimiting_httpheaders-992678779.html
      ...(refills && { refills: true }),
    },
  ];
}

/** Lists of windows, as Brave has them: https://api.search.brave.com/app/documentation/web-search/response-headers */
function severalWindows(
  limit: string | undefined,
  remaining: string,
  reset: string | undefined,
  headers: LimitHeaders,
  now: number,
): AdvertisedWindow[] | undefined {
  const lists = [limit, remaining, reset].map((text) => text?.split(',') ?? []);
  const [limits = [], rests = [], resets = []] = lists;
  if (rests.length > 8 || rests.some((rest) => readAmount(rest) === undefined)) return undefined;
  const policies = items(headers.get('x-ratelimit-policy') ?? '');
  return rests.map((rest, at) => {
    const window = policies[at]?.parameters.get('w');
    return {
      name: window === undefined ? `window ${at + 1}` : `${window} s`,
      waitMs: readReset(resets[at]?.trim(), headers.get('date'), now),
      remaining: readAmount(rest),
      limit: readAmount(limits[at]),
      windowMs: seconds(window),
    };
  });
}

/** The name that a header beside the limit gives it. */
function nameOf(headers: LimitHeaders): { name: string; bucket?: boolean } {
  for (const header of NAME_HEADERS) {
    const name = headers.get(header)?.trim();
    if (name) return header === 'x-ratelimit-bucket' ? { name, bucket: true } : { name };
  }
  return { name: '' };
}

/** The policy with this quota, or the first: headers without names tell of the one that is nearest to its end. */
function policyOf(policies: string | undefined, quota: number | undefined): Item | undefined {
  if (policies === undefined) return undefined;
  const all = items(policies);
  return all.find(({ parameters }) => readCount(parameters.get('q')) === quota) ?? all[0];
}

function fromStructured(headers: LimitHeaders, prefix = ''): AdvertisedWindow[] {
  const structured = headers.get(`${prefix}ratelimit`);
  const policy = headers.get(`${prefix}ratelimit-policy`) ?? '';
  if (structured === undefined) return [];
  const dictionary = readDictionary(structured);
  if (dictionary) {
    const its = policyOf(policy, dictionary.limit);
    return [{ ...nameOf(headers), ...dictionary, windowMs: seconds(its?.parameters.get('w')) }];
  }
  const policies = items(policy);
  return items(structured).flatMap((item) => {
    const { name, parameters } = item;
    const remaining = readCount(parameters.get('r'));
    if (remaining === undefined) return [];
    const its = policies.find((candidate) => candidate.name === name) ?? policies[0];
    return [
      {
        name: policyName(item),
        waitMs: seconds(parameters.get('t')),
        remaining,
        limit: readCount(its?.parameters.get('q')),
        windowMs: seconds(its?.parameters.get('w')),
      },
    ];
  });
}

/** A policy may be one for each of several partitions, each of which has a key, as `pk=:cHJv:`. */
function policyName({ name, parameters }: Item): string {
  // A bare number is a quota, as in one of the drafts.
  const policy = /^\d+$/.test(name) ? '' : name.replace(/^"|"$/g, '');
  const partition = parameters.get('pk');
  return partition === undefined ? policy : `${policy} ${partition.replaceAll(':', '')}`.trim();
}

/** `limit=100, remaining=50, reset=5`, as the seventh draft had it. */
function readDictionary(text: string) {
  const member = (name: string) => new RegExp(`(?:^|[,\\s])${name}=(\\d{1,15})(?:$|[,;\\s])`).exec(text)?.[1];
  const remaining = readCount(member('remaining'));
  if (remaining === undefined) return undefined;
  return { remaining, limit: readCount(member('limit')), waitMs: seconds(member('reset')) };
}
