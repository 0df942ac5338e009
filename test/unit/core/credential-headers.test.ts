import { expect } from 'chai';
import { credentialRule, isCredentialHeader } from '../../../lib/core/credential-headers.js';
import { rememberedByName } from '../../../lib/core/remembered.js';

describe('isCredentialHeader()', () => {
  const CREDENTIALS = [
    ...['Authorization', 'Proxy-Authorization', 'Cookie', 'Set-Cookie', 'X-API-Key', 'api-key', 'apikey'],
    ...['X-Auth-Token', 'X-Goog-Api-Key', 'PRIVATE-TOKEN', 'Ocp-Apim-Subscription-Key', 'X-Access-Token'],
    ...['X-Shopify-Access-Token', 'x-figma-token', 'DD-API-KEY', 'X-Vault-Token', 'xi-api-key'],
    ...['Mcp-Session-Id', 'X-Amz-Security-Token', 'X-Hub-Signature', 'X-Client-Secret', 'X-Credential'],
    ...['X-Auth', 'X-OAuth', 'X-Accesstoken', 'X-Sessionid', 'X-JWT', 'DPoP', 'Remote-User', 'x_api_key'],
    ...['X-GitHub-OTP', 'X-Passcode'],
    ...['X-WebAuth-User', 'Remote-Groups', 'X-authentik-username', 'X-Consumer-Username', 'SSL_CLIENT_S_DN'],
    ...['X-Goog-Authenticated-User-Email', 'X-Forwarded-Tls-Client-Cert', 'X-Apigateway-Api-Userinfo'],
    ...['Impersonate-User', 'Sudo', 'As-User', 'Dropbox-API-Select-User', 'X-Goog-AuthUser'],
    ...['Cf-Access-Authenticated-User-Email', 'Tailscale-User-Login', 'X-Vouch-User', 'OIDC_CLAIM_sub'],
    ...['X-Pomerium-Claim-Email', 'X-User-Name', 'X-Email', 'X-PAYPAL-SECURITY-USERID', 'X-Trino-User'],
    ...['X-Amzn-Mtls-Clientcert-Subject', 'SSL-Client-Subject-DN', 'X-SSL-Client-CN', 'Client-Cert-Chain'],
    ...[
      'X-Client-Certificate',
      'Impersonate-Extra-Scopes',
      'X-Remote-Extra-Scopes',
      'X-MS-Client-Principal-Name',
    ],
    ...['MSCRMCallerID', 'CallerObjectId', 'es-security-runas-user', 'X-Honeycomb-Team', 'X-WSSE'],
  ];
  for (const name of CREDENTIALS)
    it(`holds for ${name}`, () => expect(isCredentialHeader(name)).to.equal(true));

  const OTHERS = [
    ...['Accept', 'Accept-Language', 'User-Agent', 'Host', 'Origin', 'X-Request-Id', 'X-Tenant', 'X-Author'],
    ...[
      'Idempotency-Key',
      'Sec-WebSocket-Key',
      'Surrogate-Key',
      'X-Keyword',
      'WWW-Authenticate',
      'X-Monkeys',
    ],
    ...['Authority', 'X-Sessions-Left', 'Traceparent', ''],
    ...[
      'X-User-Agent',
      'X-Forwarded-User-Agent',
      'Sec-Fetch-User',
      'X-Client-Version',
      'Client-Id',
      'user',
      'userId',
    ],
  ];
  for (const name of OTHERS)
    it(`does not hold for ${name}`, () => expect(isCredentialHeader(name)).to.equal(false));
});

describe('credentialRule()', () => {
  it('adds and excepts, in any letter case; what is both is a credential', () => {
    const rule = credentialRule({ also: ['X-Tenant', 'x-both'], except: ['X-SESSION-ID', 'X-Both'] });
    expect(['x-tenant', 'X-Session-Id', 'x-both', 'cookie', 'accept'].map(rule)).to.deep.equal([
      ...[true, false, true, true, false],
    ]);
  });
});

describe('rememberedByName()', () => {
  it('asks once for a name, and keeps neither long names nor endlessly many', () => {
    const asked: string[] = [];
    const of = rememberedByName((name) => asked.push(name) > 0);
    of('a');
    of('a');
    expect(asked).to.deep.equal(['a']);
    const long = 'x'.repeat(100);
    of(long);
    of(long);
    expect(asked).to.have.length(3);
    for (const _round of [1, 2]) for (let i = 0; i < 4000; i++) of(`n${i}`);
    // Most of them were forgotten before they came again.
    expect(asked).to.have.length.above(3 + 4000 + 1000);
  });
});
