import type { IsCredential } from '../../core/credential-headers.js';
import { rememberedByName } from '../../core/remembered.js';
import type { Reaches } from '../../http/forwarded-headers.js';
import { HOP_BY_HOP } from '../../http/headers.js';

/** What decides about the headers in a key. */
export interface KeyHeaderRules {
  /** Request headers that are part of the key: none, all end-to-end ones, or those in `headers`. */
  readonly headerStrategy: 'none' | 'all' | 'listed';
  readonly headers: readonly string[];
  readonly isCredential: IsCredential;
  /** Whether a client's header reaches whoever makes the response. */
  readonly reaches: Reaches;
  /** Whether the authority does. */
  readonly namesHost: boolean;
  /** Leaves credentials, the client's and the injected ones, out of the key. */
  readonly sharedAcrossCredentials: boolean;
}

/** What a header is to a key. */
export type KeyRole = 'none' | 'host' | 'part' | 'credential';

/** With `all`, headers that do not select a response, or that the cache itself acts on. */
const NEVER_CHOSEN: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'cache-control',
  'content-length',
  'expect',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'pragma',
  'range',
  'trailer',
  // Each request has another.
  'traceparent',
  'tracestate',
  'x-request-id',
  'x-correlation-id',
]);

/**
 * Headers that change what is requested, although nobody names them in `Vary`: a response to one of them must not be
 * sent to those that do not have it.
 */
const STEERING: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'forwarded',
  'front-end-https',
  'x-forwarded-host',
  'x-forwarded-path',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-protocol',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-forwarded-uri',
  'x-host',
  'x-original-host',
  'x-original-uri',
  'x-original-url',
  'x-rewrite-url',
  'x-scheme',
  'x-script-name',
  'x-url-scheme',
  // A stream goes on from there (HTML, Server-sent events).
  'last-event-id',
  // What a preflight asks for.
  'access-control-request-headers',
  'access-control-request-method',
  // Whose data, or which file, with one key for all of them: OpenAI, Dropbox, Google, PostgREST, RapidAPI, ClickHouse.
  'openai-project',
  'dropbox-api-arg',
  'dropbox-api-path-root',
  'x-goog-user-project',
  'accept-profile',
  'x-clickhouse-database',
  'x-trino-catalog',
  'x-trino-schema',
  'amazon-advertising-api-scope',
  'sap-client',
  'x-uipath-folderpath',
  // Next.js.
  'x-invoke-status',
  'x-middleware-rewrite',
  'x-middleware-subrequest',
  'x-nextjs-data',
  'x-now-route-matches',
]);

/** The same by their last word: `X-Envoy-Original-Path`, `X-HTTP-Host-Override`, `X-Waws-Unencoded-Url`. */
const STEERS =
  /^x-(?:.+-)?(?:host|ur[il]|path|prefix|method|override)$|^x-forwarded-(?:base|context|location|root)$|^(?:base-url|request-uri)$/;

/**
 * The same by a word: `X-Tenant-Id`, `X-Scope-OrgID`, `Stripe-Account`, `X-Vault-Namespace`, `X-Appwrite-Project`,
 * `Login-Customer-Id`; or a role of Hasura.
 */
const OF_TENANT = new RegExp(
  [
    '(?:^|[-_])(?:(?:tenant|org|account|team|customer|company|merchant|project)(?:id)?|organi[sz]ation|workspace|namespace|realm|shop)(?:[-_]|$)',
    '[-_](?:application|member|organizationunit|partner|profile|site|store|subscription)[-_]?id$',
    '^x-(?:.+-)?(?:entitlements|groups?|roles?|scopes?)$',
    '^x-hasura-',
  ].join('|'),
);

/** The role of each header in the keys of one cache; known names cost one look-up. */
export function keyRoles(rules: KeyHeaderRules): (name: string) => KeyRole {
  const listed = new Set(
    rules.headerStrategy === 'listed' ? rules.headers.map((name) => name.toLowerCase()) : [],
  );
  return rememberedByName((name): KeyRole => {
    const lower = name.toLowerCase();
    if (lower === 'host' && rules.namesHost) return 'host';
    const isCredential = rules.reaches(lower) && rules.isCredential(lower);
    if (isCredential && !rules.sharedAcrossCredentials) return 'credential';
    if (listed.has(lower)) return 'part';
    if (isCredential || !rules.reaches(lower)) return 'none';
    if (STEERING.has(lower) || STEERS.test(lower) || OF_TENANT.test(lower)) return 'part';
    return rules.headerStrategy === 'all' && !NEVER_CHOSEN.has(lower) ? 'part' : 'none';
  });
}

/** What of a header's value counts: not the addresses in `Forwarded`, which each client has of its own. */
export function keyValue(lowerCaseName: string, value: string): string {
  return lowerCaseName === 'forwarded' ? value.replace(ADDRESSES, '') : value;
}

const ADDRESSES = /\b(?:for|by)=(?:"[^"]*"|[^;,\s]*)/gi;
