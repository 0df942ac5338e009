/** Which headers carry credentials, besides what the rule says. */
export interface CredentialNames {
  /** Headers that do, whatever they are called. */
  readonly also?: readonly string[];
  /** Headers that do not, whatever they are called. */
  readonly except?: readonly string[];
}

/** Whether a header of this name, in any letter case, carries a credential. */
export type IsCredential = (name: string) => boolean;

/** Headers that say who sends a request, or on whose behalf, and have none of the words below in their names. */
const KNOWN: ReadonlySet<string> = new Set([
  'cookie',
  'cookie2',
  'set-cookie',
  'set-cookie2',
  'dpop',
  'remote-user',
  'x-remote-user',
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-preferred-username',
  'x-forwarded-client-cert',
  'x-client-cert',
  'ssl-client-cert',
  'x-ssl-client-cert',
  'client-cert',
  'x-ms-client-principal',
  'x-ms-client-principal-id',
  'x-amzn-oidc-data',
  'x-amzn-oidc-identity',
  'x-user-id',
  'x-user-email',
  'x-user',
  'x-username',
  'x-user-info',
  'x-userinfo',
  'x-proxy-user',
  'x-authenticated-user',
  'x-authenticated-userid',
  // oauth2-proxy, Authelia, Kubernetes, Grafana.
  'x-forwarded-groups',
  'remote-name',
  'remote-email',
  'remote-groups',
  'x-remote-group',
  'x-webauth-user',
  // authentik, Kong, Google.
  'x-authentik-uid',
  'x-authentik-username',
  'x-authentik-email',
  'x-authentik-groups',
  'x-consumer-id',
  'x-consumer-custom-id',
  'x-consumer-username',
  'x-goog-authenticated-user-id',
  'x-goog-authenticated-user-email',
  'x-endpoint-api-userinfo',
  'x-apigateway-api-userinfo',
  // Certificates of clients, by Traefik, Azure, nginx and Apache.
  'x-forwarded-tls-client-cert',
  'x-forwarded-tls-client-cert-info',
  'x-arr-clientcert',
  'ssl-client-s-dn',
  'x-ssl-client-s-dn',
  'x-ssl-client-dn',
  'x-client-dn',
  // On behalf of another user: Kubernetes, GitLab, Box, Dropbox, DocuSign, Redmine, Google.
  'impersonate-user',
  'impersonate-uid',
  'impersonate-group',
  'x-impersonate-user',
  'sudo',
  'as-user',
  'x-act-as',
  'x-on-behalf-of',
  'dropbox-api-select-user',
  'dropbox-api-select-admin',
  'x-docusign-act-as-user',
  'x-redmine-switch-user',
  'x-goog-authuser',
  // The same of Dynamics, Exchange and Elasticsearch; and what is a key at Honeycomb and at OVH.
  'mscrmcallerid',
  'callerobjectid',
  'x-anchormailbox',
  'es-security-runas-user',
  'x-honeycomb-team',
  'x-ovh-consumer',
  'x-wsse',
  'x-ms-client-principal-name',
]);

/**
 * Whoever authenticates clients in front says who they are, each by names of its own: `X-Vouch-User`,
 * `Tailscale-User-Login`, `Cf-Access-Authenticated-User-Email`, `OIDC_CLAIM_sub`, `X-Pomerium-Claim-Email`,
 * `Impersonate-Extra-Scopes`; and by certificates: `X-Amzn-Mtls-Clientcert-Subject`, `SSL-Client-Subject-DN`.
 */
const OF_A_USER = new RegExp(
  [
    '^(?:x|tailscale)-(?:.+-)?(?:user|username|userid|email|login)(?:-(?:id|uid|name|email|login))?$',
    '(?:^|-)(?:authenticated|impersonated?|claim)-.',
    '(?:^|-)(?:clientcert|(?:ssl|tls|mtls)-client|client-cert|client-certificate)(?:-|$)',
    '^x-remote-extra-',
  ].join('|'),
);

/** Headers that have one of the words below in their names, and carry no credential. */
const HARMLESS: ReadonlySet<string> = new Set([
  // Names one request: it tells no user from another, and no two requests would be equal.
  'idempotency-key',
  'x-idempotency-key',
  'sec-websocket-key',
  'surrogate-key',
  'x-cache-key',
  'public-key-pins',
  'www-authenticate',
]);

/**
 * A word of a name: `X-Goog-Api-Key` has four. Vendors write words together, with the telling one at the end:
 * `apikey`, `accesstoken`.
 */
const TELLING =
  /^(?:[a-z0-9]*(?:key|token|secret|password|passwd|passphrase|credential|signature|session|passcode|otp)|(?:x|o)?auth[0-9]?|authori[sz]ation|authentication|authn|authz|sessionid|jwt)$/;
const BETWEEN_WORDS = /[^a-z0-9]+/;

/** Whether a header of this name is likely to carry a credential: one from a list, or by a word in its name. */
export function isCredentialHeader(name: string): boolean {
  const lower = name.toLowerCase();
  const dashed = lower.replaceAll('_', '-');
  if (KNOWN.has(dashed) || OF_A_USER.test(dashed)) return true;
  return !HARMLESS.has(lower) && lower.split(BETWEEN_WORDS).some((word) => TELLING.test(word));
}

/** {@link isCredentialHeader} with additions and exceptions. What is both is a credential. */
export function credentialRule({ also = [], except = [] }: CredentialNames = {}): IsCredential {
  const yes = lowerCase(also);
  const no = lowerCase(except);
  return function isCredential(name): boolean {
    const lower = name.toLowerCase();
    return yes.has(lower) || (!no.has(lower) && isCredentialHeader(lower));
  };
}

const lowerCase = (names: readonly string[]): ReadonlySet<string> =>
  new Set(names.map((name) => name.toLowerCase()));
