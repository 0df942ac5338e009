import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError, loadConfig, parseConfig } from '../../../lib/config/load-config.js';
import { errorOf, problemsOf } from './problems-of.js';

const json = (text: string) => errorOf(text, { format: 'json' }).message;
const yaml = (text: string) => errorOf(text).message;

describe('parseConfig() of a text that is no configuration', () => {
  const cases: [what: string, text: string, message: string][] = [
    ['nothing', '', 'the configuration: is empty'],
    ['comments only', '# nothing yet\n', 'the configuration: is empty'],
    ['a list', '- 1', 'the configuration: the configuration must be an object; received an array of 1'],
    ['a text', 'hello', 'the configuration: the configuration must be an object; received "hello"'],
    ['a duplicate key', 'apis: {}\napis: {}', 'the configuration: line 2: duplicate key'],
    [
      'two documents',
      'apis: {}\n---\napis: {}',
      'the configuration: line 2: a second document starts here; a file must contain one',
    ],
    ['a key that is no name', '? [a]\n: 1', 'the configuration: line 1: a key must be a plain string'],
    [
      'an unknown tag',
      'apis: !js {}',
      'the configuration: line 1: is not valid YAML: unknown tag (put a text that begins with ! in quotes)',
    ],
    [
      'a merge of a text',
      'apis: { a: { <<: b } }',
      'the configuration: is not valid YAML: what << merges must be a map, or an alias of one',
    ],
    ['no APIs', 'apis: {}', 'the configuration: line 1: apis must name at least one API'],
    [
      'APIs as a list',
      'apis: [a]',
      'the configuration: line 1: apis must be an object; received an array of 1',
    ],
  ];
  for (const [what, text, message] of cases) {
    it(`refuses ${what}`, () => expect(yaml(text)).to.equal(message));
  }

  it('refuses tabs in the indentation', () => {
    expect(yaml('apis:\n\tx: 1')).to.match(/line 2: tab in the indentation; YAML allows spaces only/);
  });

  it('tells a variable in braces that has no quotes', () => {
    expect(yaml(`apis: { x: { target: \${URL} } }`)).to.match(
      /^the configuration: line 1: is not valid YAML: .* \(within \{ \} put "\$\{NAME\}" in quotes\)$/,
    );
  });

  it('does not quote the text of a line that it cannot read', () => {
    expect(yaml('apis:\n  x: {password: hunter2\n')).not.to.include('hunter2');
    expect(yaml('password: "hunter2')).not.to.include('hunter2');
  });

  it('does not quote a text that begins with a character of YAML, and says how to write it', () => {
    const values: [value: string, message: string][] = [
      ['!hunter2', 'unknown tag (put a text that begins with ! in quotes)'],
      ['!!hunter2 x', 'unknown tag (put a text that begins with ! in quotes)'],
      ['!e!hunter2 x', 'unknown tag (put a text that begins with ! in quotes)'],
      ['!<hunter2> x', 'unknown tag (put a text that begins with ! in quotes)'],
      ['*hunter2', 'an alias without an anchor (put a text that begins with * in quotes)'],
      ['"\\uhunter2"', 'Invalid escape sequence (write \\\\ for a \\, or use single quotes)'],
      ...['|hunter2', '>hunter2'].map((value): [string, string] => [
        value,
        'Block scalar header includes extra characters (put a text that begins with | or > in quotes)',
      ]),
    ];
    for (const [value, message] of values)
      expect(yaml(`apis:\n  x:\n    auth: ${value}`)).to.equal(
        `the configuration: line 3: is not valid YAML: ${message}`,
      );
  });

  it('tells each name with a star that has no quotes, which YAML reads as an alias', () => {
    const text =
      'server:\n  allowedHosts: [*.example.com]\napis:\n  x: &x { target: https://a }\n  y: *x\n  z: *y';
    const rule = 'is not valid YAML: an alias without an anchor (put a text that begins with * in quotes)';
    expect(errorOf(text).problems.map(({ line, message }) => [line, message])).to.deep.equal([
      [2, rule],
      [6, rule],
    ]);
  });

  it('refuses aliases that stand for billions of values', () => {
    const nested = 'bcdefghi'
      .split('')
      .map((name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]},`.repeat(9)}]`);
    expect(yaml(`a: &a [1,1,1,1,1,1,1,1,1]\n${nested.join('\n')}`)).to.equal(
      'the configuration: uses too many aliases (more than 100)',
    );
  });

  it('refuses what nests too deep to be parsed', () => {
    const message = 'the configuration: nests more than 100 levels deep';
    expect(yaml('['.repeat(100_000))).to.equal(message);
    expect(yaml(`${'- '.repeat(20_000)}a`)).to.equal(message);
    expect(json(`${'{"a":'.repeat(8000)}1${'}'.repeat(8000)}`)).to.equal(message);
  });

  it('refuses an alias of something that it is part of', () => {
    expect(problemsOf('apis:\n  x: &x\n    target: https://a\n    cache: *x')).to.deep.equal([
      'apis.x.cache is an alias that contains itself',
    ]);
  });

  it('takes anchors and merge keys', () => {
    const text = 'apis:\n  a: &a { target: https://a, xfwd: true }\n  b: { <<: *a, target: https://b }';
    expect(parseConfig(text, { env: {} }).config.apis.b).to.deep.equal({ target: 'https://b', xfwd: true });
  });

  it('refuses JSON that is none, with its line', () => {
    expect(json('{\n"apis": {,}}')).to.equal('the configuration: line 2: is not valid JSON');
    expect(json('{\n"password": hunter2}')).to.equal('the configuration: line 2: is not valid JSON');
    expect(json('')).to.equal('the configuration: is empty');
    expect(json('{"apis": {}} x')).to.equal('the configuration: line 1: is not valid JSON');
  });

  it('refuses what only YAML allows in JSON', () => {
    expect(json('{apis: {}}')).to.equal('the configuration: line 1: is not valid JSON');
  });

  it('refuses a key that JSON holds twice, and counts lines where tabs indent', () => {
    const text = '{\n\t"apis": {\n\t\t"x": { "target": "https://a", "target": "https://b" }\n\t}\n}';
    expect(json(text)).to.equal('the configuration: line 3: duplicate key');
  });
});

describe('loadConfig()', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const write = (name: string, content: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const refusal = (path: string): string => {
    try {
      loadConfig(path, { env: {} });
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error('The file was accepted');
  };

  it('reads YAML, whatever the extension, and JSON by its own', () => {
    const apis = { x: { target: 'https://a' } };
    expect(loadConfig(write('a.conf', 'apis: { x: { target: https://a } }')).config.apis).to.deep.equal(apis);
    expect(loadConfig(write('a.JSON', `\uFEFF${JSON.stringify({ apis })}`)).config.apis).to.deep.equal(apis);
    expect(refusal(write('b.json', 'apis: {}'))).to.equal('b.json: line 1: is not valid JSON');
  });

  it('takes variables from process.env by default', () => {
    const path = write(
      'env.yaml',
      `apis: { x: { target: "https://a/\${PATH:-none}", auth: "\${NOT_SET_HERE:-a:b}" } }`,
    );
    expect(loadConfig(path).config.apis.x?.auth).to.equal('a:b');
    expect(loadConfig(path, { env: {} }).config.apis.x?.target).to.equal('https://a/none');
  });

  it('says what is wrong with a path that it cannot read', () => {
    const missing = join(folder, 'missing.yaml');
    const directory = join(folder, 'directory');
    mkdirSync(directory);
    expect(refusal(missing)).to.equal(`${missing}: does not exist`);
    expect(refusal(directory)).to.equal(`${directory}: is a directory; give the path of a file`);
    const binary = write('binary.yaml', Buffer.from([0x61, 0xff, 0xfe, 0x00]));
    expect(refusal(binary)).to.equal(`${binary}: is not UTF-8 text`);
  });

  it('names the file in front of its problems', () => {
    expect(refusal(write('wrong.yaml', 'apsi: {}\nserver: { prot: 1 }'))).to.equal(
      [
        'wrong.yaml: 2 problems',
        '  line 1: apsi is not an option (did you mean apis?)',
        '  line 2: server.prot is not an option of server (did you mean port?)',
      ].join('\n'),
    );
  });
});
