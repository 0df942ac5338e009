/**
 * How one API tells of a limit in headers of its own. The `RateLimit` headers of the IETF's drafts and the plain
 * `X-RateLimit-*` are read elsewhere, for everybody.
 */
export interface VendorLimit {
  readonly vendor: string;
  /** Where it is documented. */
  readonly source: string;
  /** Name of the limit; empty if the API has only one. */
  readonly name: string;
  /** A header with the rest of the name, for a limit that each of several endpoints has. */
  readonly nameHeader?: string;
  /** What is counted. @default 'requests' */
  readonly unit?: 'tokens';
  /** Names of headers, in lower case. */
  readonly limit?: string;
  readonly remaining?: string;
  readonly reset?: string;
  /** A header with what is used and the limit, as `39/40`. */
  readonly usedOfLimit?: string;
  /** A header with all of it, as `total=100; remaining=99; resets=41`. */
  readonly allInOne?: string;
  /** Length of the window, where no header has it. */
  readonly windowMs?: number;
  /** A header with the length of the window in milliseconds. */
  readonly window?: string;
  /** It fills up all the time, and the reset is when it will be full; else it is full again at the reset. */
  readonly refills?: true;
}

/** The window is a minute for most models, and a day for some: what is missing and the reset tell. */
const openAi = (what: string, unit?: 'tokens'): VendorLimit => ({
  vendor: 'OpenAI, Azure OpenAI, Groq',
  source: 'https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers',
  name: what,
  ...(unit && { unit }),
  limit: `x-ratelimit-limit-${what}`,
  remaining: `x-ratelimit-remaining-${what}`,
  reset: `x-ratelimit-reset-${what}`,
  windowMs: 60_000,
  refills: true,
});

/** Its page lists the headers and gives no values. Limits of the priority tier are left out: beyond them calls go on. */
const anthropic = (what: string, unit?: 'tokens'): VendorLimit => ({
  vendor: 'Anthropic',
  source: 'https://docs.anthropic.com/en/api/rate-limits#response-headers',
  name: what,
  ...(unit && { unit }),
  limit: `anthropic-ratelimit-${what}-limit`,
  remaining: `anthropic-ratelimit-${what}-remaining`,
  reset: `anthropic-ratelimit-${what}-reset`,
  windowMs: 60_000,
  refills: true,
});

/** Its windows are those of the calendar. */
const kong = (name: string, windowMs: number): VendorLimit => ({
  vendor: 'Kong',
  source: 'https://docs.konghq.com/hub/kong-inc/rate-limiting/#headers-sent-to-the-client',
  name,
  limit: `x-ratelimit-limit-${name}`,
  remaining: `x-ratelimit-remaining-${name}`,
  windowMs,
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Beside the plain headers, and of one endpoint as they are. They are not documented; its clients read them. */
const x = (whose: string): VendorLimit => ({
  vendor: 'X',
  source: 'https://docs.x.com/x-api/fundamentals/rate-limits',
  name: '',
  limit: `x-${whose}-limit-24hour-limit`,
  remaining: `x-${whose}-limit-24hour-remaining`,
  reset: `x-${whose}-limit-24hour-reset`,
  windowMs: DAY_MS,
});

const trello = (name: string): VendorLimit => ({
  vendor: 'Trello',
  source:
    'https://community.developer.atlassian.com/t/i-keep-getting-429-rate-limit-errors-what-are-trello-s-rate-limits/30353',
  name: `api-${name}`,
  limit: `x-rate-limit-api-${name}-max`,
  remaining: `x-rate-limit-api-${name}-remaining`,
  window: `x-rate-limit-api-${name}-interval-ms`,
});

/** Its reset is that of whichever of the two is used up. */
const contentful = (name: string, windowMs: number): VendorLimit => ({
  vendor: 'Contentful',
  source:
    'https://www.contentful.com/developers/docs/references/content-management-api/#/introduction/api-rate-limits',
  name,
  limit: `x-contentful-ratelimit-${name}-limit`,
  remaining: `x-contentful-ratelimit-${name}-remaining`,
  windowMs,
});

/** Its page lists the headers and gives no values. */
const imgur = (name: string, windowMs: number): VendorLimit => ({
  vendor: 'Imgur',
  source: 'https://apidocs.imgur.com/#rate-limits',
  name,
  limit: `x-ratelimit-${name}limit`,
  remaining: `x-ratelimit-${name}remaining`,
  reset: `x-ratelimit-${name}reset`,
  windowMs,
});

/** Its page could not be read; the names are those that several of its clients read. */
const linear = (name: string, prefix: string, unit?: 'tokens'): VendorLimit => ({
  vendor: 'Linear',
  source: 'https://linear.app/developers/rate-limiting',
  name,
  ...(unit && { unit }),
  limit: `${prefix}-limit`,
  remaining: `${prefix}-remaining`,
  reset: `${prefix}-reset`,
  windowMs: HOUR_MS,
});

/** Its limit of a day ends at the same time every day. */
const cerebras = (name: string, windowMs: number, unit?: 'tokens'): VendorLimit => ({
  vendor: 'Cerebras',
  source: 'https://inference-docs.cerebras.ai/support/rate-limits',
  name,
  ...(unit && { unit }),
  limit: `x-ratelimit-limit-${name}`,
  remaining: `x-ratelimit-remaining-${name}`,
  reset: `x-ratelimit-reset-${name}`,
  windowMs,
});

/** Its day slides, and nothing tells when it will have room. */
const etsy = (name: string, remaining: string, windowMs: number): VendorLimit => ({
  vendor: 'Etsy',
  source: 'https://developers.etsy.com/documentation/essentials/rate-limits',
  name,
  limit: `x-limit-per-${name}`,
  remaining,
  windowMs,
});

const azure = (name: string): VendorLimit => ({
  vendor: 'Azure Resource Manager',
  source: 'https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling',
  name,
  remaining: `x-ms-ratelimit-remaining-${name}`,
});

/** The headers of APIs that have their own. One more is one more row, with the example of its documentation in the test. */
export const VENDOR_LIMITS: readonly VendorLimit[] = [
  openAi('requests'),
  openAi('tokens', 'tokens'),
  openAi('project-tokens', 'tokens'),
  anthropic('requests'),
  anthropic('tokens', 'tokens'),
  anthropic('input-tokens', 'tokens'),
  anthropic('output-tokens', 'tokens'),
  {
    // Its page tells of the plain headers, which are those of requests. The names of these two are what its clients read.
    vendor: 'Together',
    source: 'https://docs.together.ai/docs/rate-limits',
    name: 'tokens',
    unit: 'tokens',
    limit: 'x-tokenlimit-limit',
    remaining: 'x-tokenlimit-remaining',
    windowMs: 1000,
  },
  {
    vendor: 'Shopify',
    source: 'https://shopify.dev/docs/api/admin-rest/usage/rate-limits',
    name: 'calls',
    usedOfLimit: 'x-shopify-shop-api-call-limit',
    // A bucket of 40 leaks 2 a second, one of 400 leaks 20.
    windowMs: 20_000,
    refills: true,
  },
  {
    // Sent for lists of tickets, beside the plain headers of the account.
    vendor: 'Zendesk',
    source:
      'https://developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting',
    name: 'tickets-index',
    allInOne: 'zendesk-ratelimit-tickets-index',
    windowMs: 60_000,
  },
  {
    vendor: 'HubSpot',
    source: 'https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines',
    name: 'daily',
    limit: 'x-hubspot-ratelimit-daily',
    remaining: 'x-hubspot-ratelimit-daily-remaining',
    windowMs: DAY_MS,
  },
  {
    vendor: 'HubSpot',
    source: 'https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines',
    name: 'interval',
    limit: 'x-hubspot-ratelimit-max',
    remaining: 'x-hubspot-ratelimit-remaining',
    window: 'x-hubspot-ratelimit-interval-milliseconds',
  },
  kong('second', 1000),
  kong('minute', 60_000),
  kong('hour', HOUR_MS),
  kong('day', DAY_MS),
  kong('month', 30 * DAY_MS),
  kong('year', 365 * DAY_MS),
  imgur('user', HOUR_MS),
  imgur('client', DAY_MS),
  linear('requests', 'x-ratelimit-requests'),
  linear('complexity', 'x-ratelimit-complexity', 'tokens'),
  { ...linear('endpoint', 'x-ratelimit-endpoint-requests'), nameHeader: 'x-ratelimit-endpoint-name' },
  cerebras('requests-day', DAY_MS),
  cerebras('tokens-minute', 60_000, 'tokens'),
  x('app'),
  x('user'),
  trello('token'),
  trello('key'),
  contentful('second', 1000),
  contentful('hour', HOUR_MS),
  {
    // Reading is not limited.
    vendor: 'Fastly',
    source: 'https://www.fastly.com/documentation/reference/api/#rate-limiting',
    name: 'writes',
    remaining: 'fastly-ratelimit-remaining',
    reset: 'fastly-ratelimit-reset',
    windowMs: HOUR_MS,
  },
  etsy('second', 'x-remaining-this-second', 1000),
  etsy('day', 'x-remaining-today', DAY_MS),
  azure('subscription-reads'),
  azure('subscription-writes'),
  azure('subscription-deletes'),
  azure('subscription-global-reads'),
  azure('subscription-global-writes'),
  azure('subscription-global-deletes'),
  azure('subscription-resource-requests'),
  azure('subscription-resource-entities-read'),
  azure('tenant-reads'),
  azure('tenant-writes'),
  azure('tenant-resource-requests'),
  azure('tenant-resource-entities-read'),
];

/**
 * Headers that name the limit which `X-RateLimit-*` and `RateLimit-*` tell of.
 * GitHub: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 * Discord: https://discord.com/developers/docs/topics/rate-limits#header-format
 * GitLab: https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
 */
export const NAME_HEADERS: readonly string[] = [
  'x-ratelimit-resource',
  'x-ratelimit-bucket',
  'ratelimit-name',
];

/**
 * A bucket of Discord is one of each channel, guild and webhook:
 * https://discord.com/developers/docs/topics/rate-limits#rate-limits
 */
export const BUCKET_OWNER = /\/(?:channels|guilds|webhooks)\/[^/?]+/;

/**
 * Headers by which a 429 says that it is for all calls, and not for those of its path.
 * Discord: https://discord.com/developers/docs/topics/rate-limits#exceeding-a-rate-limit
 * Stripe: https://docs.stripe.com/rate-limits
 */
export const FOR_ALL_CALLS: readonly (readonly [header: string, value: RegExp])[] = [
  ['x-ratelimit-global', /^true$/],
  ['x-ratelimit-scope', /^global$/],
  ['stripe-rate-limited-reason', /^global-/],
];

/**
 * Headers with a wait in milliseconds, which are more precise than `Retry-After`.
 * Azure OpenAI: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/provisioned-get-started
 * Azure Cosmos DB: https://learn.microsoft.com/rest/api/cosmos-db/common-cosmosdb-rest-response-headers
 */
export const MS_WAITS: readonly string[] = ['retry-after-ms', 'x-ms-retry-after-ms'];

/**
 * Headers that say whether another attempt may help.
 * OpenAI and Anthropic: their client libraries obey it; their documentation does not name it.
 * Stripe: https://docs.stripe.com/error-low-level
 */
export const SHOULD_RETRY: readonly string[] = ['x-should-retry', 'stripe-should-retry'];
