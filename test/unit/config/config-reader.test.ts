import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cutSections } from '../../../lib/config/api-sections.js';
import { ConfigError } from '../../../lib/config/config-error.js';
import { ConfigReader } from '../../../lib/config/config-reader.js';
import { parseConfig } from '../../../lib/config/load-config.js';

const FILE = `# comment
server:
  port: 0
defaults:
  retry: { maxAttempts: 2 }
apis: # all of them
  # the first
  one:
    target: https://one.example
    headers:
      X-Key: "\${KEY:-none}"

  "two":
    target: https://two.example
    cache: { ttlMs: 1000 }
  three: { target: "https://three.example", auth: "\${file:pair:-a:b}" }
stats: { maxPaths: 10 }
`;

describe('ConfigReader', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'reader-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const reading = (reader = new ConfigReader()) => ({
    load: (text: string, env: Record<string, string> = {}) =>
      reader.read({ text, env, format: 'yaml', source: 'the configuration', folder }),
  });
  const errorOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error('It was accepted');
  };

  it('loads what a reader loads that has seen nothing before', () => {
    const { load } = reading();
    const versions = [
      FILE,
      FILE.replace('ttlMs: 1000', 'ttlMs: 2000'),
      FILE.replace('  "two":', '  four:'),
      FILE.replace('maxAttempts: 2', 'maxAttempts: 4'),
      `${FILE}redis: redis://127.0.0.1\n`,
      FILE.replace('apis: #', 'api_configs: #'),
      FILE,
    ];
    for (const text of versions) expect(load(text)).to.deep.equal(parseConfig(text, { env: {}, folder }));
  });

  it('makes anew only the APIs whose text has changed', () => {
    const { load } = reading();
    const before = load(FILE).config.apis;
    const after = load(FILE.replace('ttlMs: 1000', 'ttlMs: 2000')).config.apis;
    expect(after.two?.cache).to.deep.equal({ ttlMs: 2000 });
    expect([after.one === before.one, after.two === before.two, after.three === before.three]).to.deep.equal([
      true,
      false,
      true,
    ]);
  });

  it('sees a change of a variable, of a secret and of the defaults', () => {
    const { load } = reading();
    const first = load(FILE, { KEY: 'k1' }).config.apis;
    expect(first.one?.headers).to.deep.equal({ 'X-Key': 'k1' });
    expect(load(FILE, { KEY: 'k2' }).config.apis.one?.headers).to.deep.equal({ 'X-Key': 'k2' });
    writeFileSync(join(folder, 'pair'), 'c:d\n');
    const { config, files } = load(FILE, { KEY: 'k2' });
    expect(config.apis.three?.auth).to.equal('c:d');
    expect(files).to.deep.equal([join(folder, 'pair')]);
    rmSync(join(folder, 'pair'));
    expect(load(FILE, { KEY: 'k2' }).config.apis.three?.auth).to.equal('a:b');
    const wrong = FILE.replace('defaults:', 'defaults:\n  cert: /none.pem');
    expect(errorOf(() => load(wrong))).to.match(/line 5: defaults\.cert names a file that does not exist/);
  });

  it('tells the line of what is wrong, again and again, and goes on with what was right', () => {
    const { load } = reading();
    load(FILE);
    const wrong = FILE.replace('ttlMs: 1000', 'ttlMs: soon');
    for (let i = 0; i < 2; i++)
      expect(errorOf(() => load(wrong))).to.match(/line 15: apis\.two\.cache\.ttlMs must be a number/);
    const required = FILE.replace('KEY:-none', 'KEY');
    expect(load(required, { KEY: 'k' }).config.apis.one?.headers).to.deep.equal({ 'X-Key': 'k' });
    expect(errorOf(() => load(required))).to.match(/line 11: .* needs the environment variable KEY/);
    expect(load(FILE)).to.deep.equal(parseConfig(FILE, { env: {}, folder }));
  });

  it('refuses what a whole text would be refused for', () => {
    for (const [text, message] of [
      [FILE.replace('"two"', 'one'), /duplicate key/],
      [`${FILE}apis: {}\n`, /duplicate key/],
      [FILE.replace('    cache: {', '\tcache: {'), /tab in the indentation/],
      [FILE.replace('{ ttlMs: 1000 }', '{ ttlMs: 1000'), /is not valid YAML/],
      [`${FILE}---\napis: {}\n`, /second document/],
    ] as const) {
      const { load } = reading();
      load(FILE);
      expect(errorOf(() => load(text))).to.match(message);
      expect(errorOf(() => load(text))).to.equal(
        errorOf(() => parseConfig(text, { env: {}, folder, source: 'the configuration' })),
      );
    }
  });
});

describe('cutSections()', () => {
  it('cuts the example of the package', () => {
    const { apis = [] } = cutSections(readFileSync('examples/apis.yaml', 'utf8')) ?? {};
    expect(apis.length).to.be.greaterThan(3);
  });

  for (const [what, text] of Object.entries({
    'anchors and aliases': 'apis:\n  a: &base\n    target: https://a\n  b: *base\n',
    'merge keys': 'apis:\n  a:\n    <<: { target: https://a }\n',
    'flow style': 'apis: { a: { target: https://a } }\n',
    'keys that are no names': 'apis:\n  ? a\n  : target: https://a\n',
    'two roots': 'apis:\n  a: {}\napi_configs:\n  b: {}\n',
    'no API': 'apis:\nserver: {}\n',
    'lines that stand further left': 'apis:\n    a:\n        target: https://a\n  b: {}\n',
  }))
    it(`leaves ${what} alone`, () => expect(cutSections(text)).to.equal(undefined));

  it('takes a block of text, and what looks like a key in it, as part of its API', () => {
    const text = 'apis:\n  a:\n    ca: |\n      b:\n      c\n\n  # about b\n  b:\n    target: https://b\n';
    expect(cutSections(text)?.apis).to.deep.equal([
      '  a:\n    ca: |\n      b:\n      c\n\n  # about b',
      '  b:\n    target: https://b\n',
    ]);
  });
});
