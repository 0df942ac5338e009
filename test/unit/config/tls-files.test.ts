import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type LoadedConfig, loadConfig, type ParseOptions } from '../../../lib/config/load-config.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { credentials } from '../../support/tls.js';
import { apiOf, fileOf, problemsOf } from './problems-of.js';

const server = credentials('DNS:server.internal');
const client = credentials('DNS:client.internal');
const other = credentials('DNS:other.internal');

/** What base64 of a key looks like that lacks its PEM lines. */
const bare = (client.key.split('\n')[1] ?? '').slice(0, 64);
const block = (pem: string) => `|\n  ${pem.trim().replaceAll('\n', '\n  ')}`;

describe('the certificates of a configuration file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'resilient-proxy-out-config-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'tls'));
  const put = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const paths = {
    ca: put('tls/ca.pem', server.ca),
    cert: put('tls/client.pem', client.cert),
    key: put('tls/client.key', client.key),
  };
  put('tls/empty.pem', '');
  put('tls/other.key', other.key);
  put('tls/bare.key', bare);

  const load = (text: string, env = {}): LoadedConfig => loadConfig(put('apis.yaml', text), { env });
  const problems = (lines: string, options: ParseOptions = {}) =>
    problemsOf(fileOf(lines), { folder, ...options });

  it('are read from files beside it, and from absolute paths', async () => {
    const { config } = load(fileOf(`ca: ./tls/ca.pem\ncert: tls/client.pem\nkey: ${paths.key}`));
    expect(config.apis.x).to.deep.equal({
      target: 'https://api.example',
      ca: server.ca,
      cert: client.cert,
      key: client.key,
    });
    await resilientProxy(config).close();
  });

  it('may be lists of authorities, of defaults, of egress proxies, and from the environment', () => {
    const text = `defaults: { ca: [tls/ca.pem, "\${OTHER_CA}"] }\n${fileOf('proxyRotate: { proxies: [{ url: "https://p:1", ca: tls/ca.pem }, { url: "https://q:1", ca: [tls/ca.pem] }] }')}`;
    const { config } = load(text, { OTHER_CA: other.ca });
    expect(config.defaults).to.deep.equal({ ca: [server.ca, other.ca] });
    expect(config.apis.x?.proxyRotate).to.deep.equal({
      proxies: [
        { url: 'https://p:1', ca: server.ca },
        { url: 'https://q:1', ca: [server.ca] },
      ],
    });
    const named = load(fileOf(`ca: "\${CA_FILE:-tls/ca.pem}"`));
    expect(named.config.apis.x?.ca).to.equal(server.ca);
  });

  it('may stand in it as PEM text', () => {
    const lines = `cert: ${block(client.cert)}\nkey: ${block(client.key)}`;
    expect(apiOf(lines).config.apis.x).to.deep.equal({
      target: 'https://api.example',
      cert: client.cert,
      key: client.key,
    });
  });

  it('are read anew each time that it is loaded', () => {
    const lines = 'ca: tls/renewed.pem';
    put('tls/renewed.pem', server.ca);
    expect(load(fileOf(lines)).config.apis.x?.ca).to.equal(server.ca);
    put('tls/renewed.pem', other.ca);
    expect(load(fileOf(lines)).config.apis.x?.ca).to.equal(other.ca);
  });

  it('name the place and the path of a file that cannot be used', () => {
    expect(problems('ca: tls/nowhere.pem')).to.deep.equal([
      `apis.x.ca names a file that does not exist: ${folder}/tls/nowhere.pem`,
    ]);
    expect(problems('ca: [tls/ca.pem, tls]')).to.deep.equal([
      `apis.x.ca[1] names a file that is a directory: ${folder}/tls`,
    ]);
    expect(problems('cert: tls/empty.pem\nkey: tls/client.key')).to.deep.equal([
      `apis.x.cert names a file without PEM text (-----BEGIN …): ${folder}/tls/empty.pem`,
    ]);
    expect(problems('proxyRotate: { proxies: [{ url: "https://p:1", ca: tls/none }] }')).to.deep.equal([
      `apis.x.proxyRotate.proxies[0].ca names a file that does not exist: ${folder}/tls/none`,
    ]);
    expect(
      problems('proxyRotate: { proxies: [{ url: "https://p:1", ca: [tls/ca.pem, tls/other.key] }] }'),
    ).to.deep.equal([
      'apis.x.proxyRotate.proxies[0].ca[1] must be a certificate in PEM, or the path of a file that holds one',
    ]);
    expect(problems(`ca: "\${CA_FILE}"`, { env: { CA_FILE: '/run/none.pem' } })).to.deep.equal([
      `apis.x.ca names a file that does not exist: \${CA_FILE}`,
    ]);
    expect(problems('ca: ""')).to.deep.equal([
      'apis.x.ca must be PEM text or the path of a file that holds it',
    ]);
  });

  it('are checked against one another', () => {
    expect(problems('cert: tls/client.pem\nkey: tls/other.key')).to.deep.equal([
      'apis.x.key is not the key of apis.x.cert',
    ]);
    expect(problems('cert: tls/client.pem')).to.deep.equal(['apis.x.cert needs key beside it']);
  });

  it('are never shown', () => {
    for (const lines of [
      `cert: tls/client.pem\nkey: ${bare}`,
      'cert: tls/client.pem\nkey: tls/bare.key',
      `cert: tls/client.pem\nkey: { a: ${bare} }`,
      `cert: tls/client.pem\nkey: [${bare}]`,
      `cert: tls/client.pem\nkey: "-----BEGIN PRIVATE KEY-----${bare}"`,
      `cert: tls/client.pem\nkey: "\${KEY}"`,
      `cert: tls/client.pem\nkey: |\n  ${bare}\n  ${bare}`,
      `cert: tls/client.pem\nprivateKey: ${bare}`,
    ]) {
      const found = problems(lines, { env: { KEY: bare } });
      expect(found, lines).to.have.length.above(0);
      expect(found.join('\n'), lines).to.not.include(bare.slice(0, 20));
    }
  });
});
