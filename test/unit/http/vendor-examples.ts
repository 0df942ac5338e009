export const NOW = Date.UTC(2024, 0, 27, 12, 0, 0);

export type Row = [
  name: string,
  remaining?: number | undefined,
  limit?: number | undefined,
  waitMs?: number | undefined,
  windowMs?: number | undefined,
];

/** The examples of the vendors' documentation, and the limits that they tell of. */
export const EXAMPLES: [vendor: string, headers: string, windows: Row[]][] = [
  [
    'OpenAI, Azure OpenAI, Groq',
    `x-ratelimit-limit-requests: 60
     x-ratelimit-limit-tokens: 150000
     x-ratelimit-remaining-requests: 59
     x-ratelimit-remaining-tokens: 149984
     x-ratelimit-reset-requests: 1s
     x-ratelimit-reset-tokens: 6m0s`,
    [
      ['requests', 59, 60, 1000, 60_000],
      ['tokens', 149_984, 150_000, 360_000, 60_000],
    ],
  ],
  [
    'OpenAI, Azure OpenAI, Groq',
    `x-ratelimit-limit-project-tokens: 60000
     x-ratelimit-remaining-project-tokens: 57000
     x-ratelimit-reset-project-tokens: 3s`,
    [['project-tokens', 57_000, 60_000, 3000, 60_000]],
  ],
  [
    // As its clients log them.
    'X',
    `x-rate-limit-limit: 1080000
     x-rate-limit-remaining: 1079999
     x-rate-limit-reset: ${NOW / 1000 + 900}
     x-app-limit-24hour-limit: 17
     x-app-limit-24hour-remaining: 0
     x-app-limit-24hour-reset: ${NOW / 1000 + 80_000}
     x-user-limit-24hour-limit: 17
     x-user-limit-24hour-remaining: 2
     x-user-limit-24hour-reset: ${NOW / 1000 + 70_000}`,
    [
      ['', 1_079_999, 1_080_000, 900_002],
      ['', 0, 17, 80_000_002, 86_400_000],
      ['', 2, 17, 70_000_002, 86_400_000],
    ],
  ],
  [
    // Atlassian's points, told of beside the limit of an endpoint; as its customers log them.
    'Atlassian',
    `Beta-RateLimit-Policy: "tenant-app-quota";q=100100;w=3600
     Beta-RateLimit: "tenant-app-quota";r=17842;t=2107
     X-RateLimit-Limit: 350
     X-RateLimit-Remaining: 349`,
    [
      ['', 349, 350],
      ['tenant-app-quota', 17_842, 100_100, 2_107_000, 3_600_000],
    ],
  ],
  [
    'Trello',
    `x-rate-limit-api-token-interval-ms: 10000
     x-rate-limit-api-token-max: 100
     x-rate-limit-api-token-remaining: 99
     x-rate-limit-api-key-interval-ms: 10000
     x-rate-limit-api-key-max: 300
     x-rate-limit-api-key-remaining: 299`,
    [
      ['api-token', 99, 100, undefined, 10_000],
      ['api-key', 299, 300, undefined, 10_000],
    ],
  ],
  [
    'Contentful',
    `X-Contentful-RateLimit-Hour-Limit: 36000
     X-Contentful-RateLimit-Hour-Remaining: 35883
     X-Contentful-RateLimit-Reset: 0
     X-Contentful-RateLimit-Second-Limit: 10
     X-Contentful-RateLimit-Second-Remaining: 9`,
    [
      ['second', 9, 10, undefined, 1000],
      ['hour', 35_883, 36_000, undefined, 3_600_000],
    ],
  ],
  [
    // The headers are documented, values are not.
    'Fastly',
    `Fastly-RateLimit-Remaining: 999
     Fastly-RateLimit-Reset: ${NOW / 1000 + 1800}`,
    [['writes', 999, undefined, 1_800_002, 3_600_000]],
  ],
  [
    // https://console.groq.com/docs/rate-limits
    'OpenAI, Azure OpenAI, Groq',
    `retry-after: 2
     x-ratelimit-limit-requests: 14400
     x-ratelimit-limit-tokens: 18000
     x-ratelimit-remaining-requests: 14370
     x-ratelimit-remaining-tokens: 17997
     x-ratelimit-reset-requests: 2m59.56s
     x-ratelimit-reset-tokens: 7.66s`,
    [
      ['requests', 14_370, 14_400, 179_560, 60_000],
      ['tokens', 17_997, 18_000, 7660, 60_000],
    ],
  ],
  [
    // The headers are documented, values are not.
    'Anthropic',
    `anthropic-ratelimit-requests-limit: 50
     anthropic-ratelimit-requests-remaining: 49
     anthropic-ratelimit-requests-reset: 2024-01-27T12:00:02Z
     anthropic-ratelimit-tokens-limit: 50000
     anthropic-ratelimit-tokens-remaining: 49000
     anthropic-ratelimit-tokens-reset: 2024-01-27T12:00:02+00:00
     anthropic-ratelimit-input-tokens-limit: 40000
     anthropic-ratelimit-input-tokens-remaining: 0
     anthropic-ratelimit-input-tokens-reset: 2024-01-27T13:01:00+01:00
     anthropic-ratelimit-output-tokens-limit: 8000
     anthropic-ratelimit-output-tokens-remaining: 8000
     anthropic-ratelimit-output-tokens-reset: 2024-01-27T12:00:00Z
     anthropic-priority-input-tokens-remaining: 0`,
    [
      ['requests', 49, 50, 2002, 60_000],
      ['tokens', 49_000, 50_000, 2002, 60_000],
      ['input-tokens', 0, 40_000, 60_002, 60_000],
      ['output-tokens', 8000, 8000, 2, 60_000],
    ],
  ],
  [
    // The headers are documented, values are not.
    'Together',
    `x-ratelimit-limit: 60
     x-ratelimit-remaining: 59
     x-ratelimit-reset: 1
     x-tokenlimit-limit: 60000
     x-tokenlimit-remaining: 58000`,
    [
      ['', 59, 60, 1000],
      ['tokens', 58_000, 60_000, undefined, 1000],
    ],
  ],
  ['Shopify', 'X-Shopify-Shop-Api-Call-Limit: 32/40', [['calls', 8, 40, undefined, 20_000]]],
  ['Shopify', 'X-Shopify-Shop-Api-Call-Limit: 39/40', [['calls', 1, 40, undefined, 20_000]]],
  [
    'HubSpot',
    `X-HubSpot-RateLimit-Daily: 250000
     X-HubSpot-RateLimit-Daily-Remaining: 249991
     X-HubSpot-RateLimit-Interval-Milliseconds: 10000
     X-HubSpot-RateLimit-Max: 100
     X-HubSpot-RateLimit-Remaining: 99
     X-HubSpot-RateLimit-Secondly: 10
     X-HubSpot-RateLimit-Secondly-Remaining: 9`,
    [
      ['daily', 249_991, 250_000, undefined, 86_400_000],
      ['interval', 99, 100, undefined, 10_000],
    ],
  ],
  [
    'Kong',
    `RateLimit-Limit: 6
     RateLimit-Remaining: 4
     RateLimit-Reset: 47
     X-RateLimit-Limit-Second: 5
     X-RateLimit-Remaining-Second: 4
     X-RateLimit-Limit-Minute: 10
     X-RateLimit-Remaining-Minute: 9`,
    [
      ['', 4, 6, 47_000],
      ['second', 4, 5, undefined, 1000],
      ['minute', 9, 10, undefined, 60_000],
    ],
  ],
  [
    // The longer windows are documented without an example.
    'Kong',
    `X-RateLimit-Limit-Hour: 100
     X-RateLimit-Remaining-Hour: 90
     X-RateLimit-Limit-Day: 1000
     X-RateLimit-Remaining-Day: 890
     X-RateLimit-Limit-Month: 9000
     X-RateLimit-Remaining-Month: 8000
     X-RateLimit-Limit-Year: 99000
     X-RateLimit-Remaining-Year: 0`,
    [
      ['hour', 90, 100, undefined, 3_600_000],
      ['day', 890, 1000, undefined, 86_400_000],
      ['month', 8000, 9000, undefined, 2_592_000_000],
      ['year', 0, 99_000, undefined, 31_536_000_000],
    ],
  ],
  [
    // The headers are documented, values are not.
    'Imgur',
    `X-RateLimit-UserLimit: 500
     X-RateLimit-UserRemaining: 490
     X-RateLimit-UserReset: ${NOW / 1000 + 60}
     X-RateLimit-ClientLimit: 12500
     X-RateLimit-ClientRemaining: 12490`,
    [
      ['user', 490, 500, 60_002, 3_600_000],
      ['client', 12_490, 12_500, undefined, 86_400_000],
    ],
  ],
  [
    // Not from its documentation, which could not be read.
    'Linear',
    `X-RateLimit-Requests-Limit: 1500
     X-RateLimit-Requests-Remaining: 1499
     X-RateLimit-Requests-Reset: ${NOW + 60_000}
     X-RateLimit-Complexity-Limit: 250000
     X-RateLimit-Complexity-Remaining: 249982
     X-RateLimit-Complexity-Reset: ${NOW + 60_000}
     X-RateLimit-Endpoint-Requests-Limit: 30
     X-RateLimit-Endpoint-Requests-Remaining: 29
     X-RateLimit-Endpoint-Requests-Reset: ${NOW + 30_000}
     X-RateLimit-Endpoint-Name: searchIssues`,
    [
      ['requests', 1499, 1500, 60_002, 3_600_000],
      ['complexity', 249_982, 250_000, 60_002, 3_600_000],
      ['endpoint searchIssues', 29, 30, 30_002, 3_600_000],
    ],
  ],
  [
    'Azure Resource Manager',
    `x-ms-ratelimit-remaining-subscription-reads: 249
     x-ms-ratelimit-remaining-subscription-global-reads: 3749
     x-ms-ratelimit-remaining-subscription-deletes: 7
     x-ms-ratelimit-remaining-subscription-writes: 0
     x-ms-ratelimit-remaining-tenant-reads: 11999
     x-ms-ratelimit-remaining-tenant-writes: 1199`,
    [
      ['subscription-reads', 249],
      ['subscription-writes', 0],
      ['subscription-deletes', 7],
      ['subscription-global-reads', 3749],
      ['tenant-reads', 11_999],
      ['tenant-writes', 1199],
    ],
  ],
  [
    'Cerebras',
    `x-ratelimit-limit-requests-day: 1000000000
     x-ratelimit-limit-tokens-minute: 1000000000
     x-ratelimit-remaining-requests-day: 999997455
     x-ratelimit-remaining-tokens-minute: 999998298
     x-ratelimit-reset-requests-day: 33011.382867097855
     x-ratelimit-reset-tokens-minute: 11.382867097854614`,
    [
      ['requests-day', 999_997_455, 1_000_000_000, 33_011_382.867097855, 86_400_000],
      ['tokens-minute', 999_998_298, 1_000_000_000, 11_382.867097854614, 60_000],
    ],
  ],
  [
    'Etsy',
    `X-Limit-Per-Second: 10
     X-Remaining-This-Second: 9
     X-Limit-Per-Day: 10000
     X-Remaining-Today: 9998`,
    [
      ['second', 9, 10, undefined, 1000],
      ['day', 9998, 10_000, undefined, 86_400_000],
    ],
  ],
  [
    // https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    'GitHub',
    `Date: Mon, 01 Jul 2013 17:27:06 GMT
     x-ratelimit-limit: 60
     x-ratelimit-remaining: 56
     x-ratelimit-used: 4
     x-ratelimit-reset: 1372700873
     x-ratelimit-resource: core`,
    [['core', 56, 60, 1_247_002]],
  ],
  [
    // https://discord.com/developers/docs/topics/rate-limits#header-format
    'Discord',
    `X-RateLimit-Limit: 5
     X-RateLimit-Remaining: 0
     X-RateLimit-Reset: 1470173023
     X-RateLimit-Reset-After: 1
     X-RateLimit-Bucket: abcd1234`,
    [['abcd1234', 0, 5, 1000]],
  ],
  [
    'Discord',
    `Retry-After: 65
     X-RateLimit-Limit: 10
     X-RateLimit-Remaining: 0
     X-RateLimit-Reset: 1470173023.123
     X-RateLimit-Reset-After: 64.57
     X-RateLimit-Bucket: abcd1234
     X-RateLimit-Scope: user`,
    [['abcd1234', 0, 10, 64_570]],
  ],
  [
    // Announced at https://www.reddit.com/r/redditdev/comments/1yxrp7/, without values.
    'Reddit',
    'X-Ratelimit-Used: 2\nX-Ratelimit-Remaining: 598.0\nX-Ratelimit-Reset: 340',
    [['', 598, undefined, 340_000]],
  ],
  [
    'Brave',
    `X-RateLimit-Limit: 1, 15000
     X-RateLimit-Policy: 1;w=1, 15000;w=2592000
     X-RateLimit-Remaining: 1, 1000
     X-RateLimit-Reset: 1, 1419704`,
    [
      ['1 s', 1, 1, 1000, 1000],
      ['2592000 s', 1000, 15_000, 1_419_704_000, 2_592_000_000],
    ],
  ],
  [
    // https://confluence.atlassian.com/doc/_ratelimiting_httpheaders-992678779.html, which gives no values: 5 a second.
    'Atlassian Data Center',
    `X-RateLimit-Limit: 70
     X-RateLimit-Remaining: 69
     X-RateLimit-FillRate: 5
     X-RateLimit-Interval-Seconds: 1
     Retry-After: 0`,
    [['', 69, 70, undefined, 14_000]],
  ],
  [
    // https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
    'Atlassian Cloud',
    'X-RateLimit-Limit: 350\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 2024-01-27T12:01Z',
    [['', 0, 350, 60_002]],
  ],
  [
    // https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
    'GitLab',
    `Date: Tue, 05 Jan 2021 10:59:30 GMT
     RateLimit-Limit: 60
     RateLimit-Name: throttle_authenticated_web
     RateLimit-Observed: 67
     RateLimit-Remaining: 0
     RateLimit-Reset: 1609844400
     RateLimit-ResetTime: Tue, 05 Jan 2021 11:00:00 GMT
     Retry-After: 30`,
    [['throttle_authenticated_web', 0, 60, 30_002]],
  ],
  [
    // https://developer.zendesk.com/documentation/ticketing/using-the-zendesk-api/best-practices-for-avoiding-rate-limiting/
    'Zendesk',
    `x-rate-limit: 700
     ratelimit-limit: 700
     x-rate-limit-remaining: 699
     ratelimit-remaining: 699
     ratelimit-reset: 41
     zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41`,
    [
      ['', 699, 700, 41_000],
      ['', 699, 700],
      ['tickets-index', 99, 100, 41_000, 60_000],
    ],
  ],
  [
    // https://docs.docker.com/docker-hub/usage/pulls/
    'Docker Hub',
    'ratelimit-limit: 100;w=21600\nratelimit-remaining: 20;w=21600\ndocker-ratelimit-source: 192.0.2.1',
    [['', 20, 100, undefined, 21_600_000]],
  ],
  [
    // https://docs.x.com/x-api/fundamentals/rate-limits
    'X',
    `Date: Tue, 16 Jan 2024 15:45:00 GMT
     x-rate-limit-limit: 900
     x-rate-limit-remaining: 847
     x-rate-limit-reset: 1705420800`,
    [['', 847, 900, 900_002]],
  ],
];

/** APIs that say only after a refusal how long to wait. */
export const REFUSALS: [vendor: string, headers: string, waitMs: number | undefined, everywhere: boolean][] =
  [
    // https://docs.slack.dev/apis/web-api/rate-limits
    ['Slack', 'Retry-After: 30', 30_000, false],
    // https://developers.notion.com/reference/request-limits: whole seconds
    ['Notion', 'Retry-After: 1', 1000, false],
    // https://shopify.dev/docs/api/admin-rest/usage/rate-limits
    ['Shopify', 'Retry-After: 2.0\nX-Shopify-Shop-Api-Call-Limit: 40/40', 2000, false],
    // https://docs.stripe.com/rate-limits: no time, and whether it is for all calls
    ['Stripe', 'Stripe-Rate-Limited-Reason: endpoint-rate', undefined, false],
    ['Stripe', 'Stripe-Rate-Limited-Reason: global-concurrency', undefined, true],
    // https://discord.com/developers/docs/topics/rate-limits#exceeding-a-rate-limit
    ['Discord', 'Retry-After: 65\nX-RateLimit-Global: true\nX-RateLimit-Scope: global', 65_000, true],
    ['Discord', 'Retry-After: 1337\nX-RateLimit-Remaining: 9\nX-RateLimit-Scope: shared', 1_337_000, false],
    // https://learn.microsoft.com/rest/api/cosmos-db/common-cosmosdb-rest-response-headers
    ['Azure Cosmos DB', 'x-ms-retry-after-ms: 33', 33, false],
  ];
