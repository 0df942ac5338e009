import { expect } from 'chai';
import {
  type KeyHeaderRules,
  type KeyRole,
  keyRoles,
  keyValue,
} from '../../../../lib/cache/policy/key-headers.js';
import { credentialRule } from '../../../../lib/core/credential-headers.js';

const RULES: KeyHeaderRules = {
  headerStrategy: 'none',
  headers: [],
  isCredential: credentialRule(),
  reaches: () => true,
  namesHost: false,
  sharedAcrossCredentials: false,
};

function role(name: string, rules: Partial<KeyHeaderRules> = {}): KeyRole {
  return keyRoles({ ...RULES, ...rules })(name);
}

describe('keyRoles()', () => {
  /** Headers by which those who read them answer with something else, whether or not they say so in `Vary`. */
  const readers = {
    'a method override': ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'],
    Spring: ['Forwarded', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Forwarded-Prefix'],
    Rack: ['X-Forwarded-Scheme', 'X-Forwarded-Ssl'],
    Gunicorn: ['X-Forwarded-Protocol', 'X-Script-Name', 'X-Scheme'],
    'ASP.NET': ['X-Original-URL', 'X-Original-Host', 'X-Rewrite-URL', 'Front-End-Https'],
    Traefik: ['X-Forwarded-Server', 'X-Forwarded-Uri'],
    'a stream of events': ['Last-Event-ID'],
    'a preflight': ['Access-Control-Request-Method', 'Access-Control-Request-Headers'],
    'an API of tenants': ['X-Tenant', 'X-Tenant-Id', 'X-Scope-OrgID', 'X-Grafana-Org-Id', 'Xero-Tenant-Id'],
    'an API of accounts': ['Stripe-Account', 'Harvest-Account-ID', 'OpenAI-Organization', 'OpenAI-Project'],
    'a server behind Envoy or IIS': ['X-Envoy-Original-Path', 'X-Ms-Original-Url', 'X-Waws-Unencoded-Url'],
    'a framework in front': [
      'X-HTTP-Host-Override',
      'X-Original-Path',
      'X-Forwarded-Context',
      'X-Proxy-Host',
    ],
    'Next.js': ['x-invoke-path', 'x-middleware-rewrite', 'x-nextjs-data'],
    'an API of projects': [
      'X-Appwrite-Project',
      'Login-Customer-Id',
      'X-Parse-Application-Id',
      'QB-Realm-Hostname',
    ],
    'an API of companies': [
      'X-Company-Id',
      'X-Team-Id',
      'X-UIPATH-OrganizationUnitId',
      'X-Shopify-Shop-Domain',
    ],
    'an API of roles': ['X-User-Roles', 'X-Consumer-Groups', 'X-authentik-entitlements', 'sap-client'],
    'an API of namespaces': ['X-Vault-Namespace', 'X-Hasura-Role', 'Accept-Profile', 'Dropbox-API-Arg'],
  };
  for (const [reader, names] of Object.entries(readers)) {
    it(`distinguishes requests by what ${reader} reads`, () => {
      for (const name of names) expect(role(name), name).to.equal('part');
    });
  }

  const one = {
    'the trace it belongs to': ['traceparent', 'tracestate', 'X-Request-ID', 'X-Correlation-ID'],
    'conditions that the cache evaluates': [
      'If-Match',
      'If-Modified-Since',
      'If-Range',
      'If-Unmodified-Since',
    ],
    'what the cache is told': ['Cache-Control', 'Pragma', 'Range'],
    'how its body is sent': ['Content-Length', 'Expect', 'Trailer', 'TE'],
    'a host that nobody is told': ['Host'],
  };
  for (const [what, names] of Object.entries(one)) {
    it(`does not distinguish requests by ${what}, even where all headers count`, () => {
      for (const name of names) expect(role(name, { headerStrategy: 'all' }), name).to.equal('none');
    });
  }

  it('distinguishes by the listed names only where a list was chosen', () => {
    const headers = ['X-Other'];
    expect(role('x-other', { headerStrategy: 'listed', headers })).to.equal('part');
    expect(role('x-other', { headerStrategy: 'none', headers })).to.equal('none');
    expect(role('X-Third', { headerStrategy: 'listed', headers })).to.equal('none');
    expect(role('X-Third', { headerStrategy: 'all', headers })).to.equal('part');
  });

  it('takes Host, and nothing else, for the authority where that counts', () => {
    expect(role('HOST', { namesHost: true })).to.equal('host');
    expect(role('Accept', { namesHost: true })).to.equal('none');
  });

  it('leaves out what does not reach the upstream, unless it is listed', () => {
    const reaches = () => false;
    for (const name of ['Authorization', 'X-Forwarded-Host', 'X-Other']) {
      expect(role(name, { reaches, headerStrategy: 'all' }), name).to.equal('none');
    }
    expect(role('X-Other', { reaches, headerStrategy: 'listed', headers: ['x-other'] })).to.equal('part');
  });

  it('leaves out shared credentials, unless they are listed', () => {
    const shared = { sharedAcrossCredentials: true } as const;
    expect(role('Authorization')).to.equal('credential');
    expect(role('Authorization', { ...shared, headerStrategy: 'all' })).to.equal('none');
    expect(
      role('Authorization', { ...shared, headerStrategy: 'listed', headers: ['authorization'] }),
    ).to.equal('part');
  });
});

describe('keyValue()', () => {
  for (const [value, kept] of [
    ['for=192.0.2.1;host=a', ';host=a'],
    ['For="[2001:db8::1]:80", for=b;proto=https', ', ;proto=https'],
    ['for="a;b, c";host=a;by="d e"', ';host=a;'],
    ['host=a', 'host=a'],
  ] as const) {
    it(`keeps ${kept} of Forwarded: ${value}`, () => {
      expect(keyValue('forwarded', value)).to.equal(kept);
    });
  }

  it('keeps all of any other header', () => {
    expect(keyValue('cookie', 'for=1;by=2')).to.equal('for=1;by=2');
  });
});
