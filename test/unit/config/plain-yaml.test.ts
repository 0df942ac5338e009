import { expect } from 'chai';
import fc from 'fast-check';
import { parseDocument } from 'yaml';
import { plainMap } from '../../../lib/config/plain-yaml.js';

describe('plainMap()', () => {
  it('reads what configurations are made of', () => {
    const text = `  github:
    target: https://api.github.com/v3?x=1&y=2#z
    # a comment

    headers: { Authorization: "Bearer \${TOKEN:-none}", "X-A": 'b c' }   # why
    path: \${BASE:-/v1:2}
    retry:
      methods:
      - GET
      - POST
      retryOnStatus: [500, 502 , 503]
    breaker: {}
    cache:
      ttlMs: 60000
      keys:
        - a
        - { b: true, c: [0.5, x] }
    secure: false
    note: two words
`;
    const read = plainMap(text);
    expect(read).to.deep.equal(byYaml(text));
    expect(read).to.have.nested.property('github.cache.keys[1].c[0]', 0.5);
  });

  for (const text of [
    'a: &x b',
    'a: !!str 1',
    'a: |\n  text',
    'a: *b',
    'a:\n  <<: b',
    '1: a',
    'a: 9007199254740993',
    'a: 1e400',
    '{ 0x10: a }',
    '%YAML 1.1\n---\na: yes',
    'a: b\r\nc: d',
    'a: b\tc',
    '__proto__: { a: b }',
    'a: { "__proto__": b }',
    'a: b\na: c',
    'a: [b',
    'a: b: c',
    'a:\n  b: 1\n c: 2',
    '- a',
    'a',
    '',
  ])
    it(`leaves ${JSON.stringify(text)} to yaml`, () => {
      expect(plainMap(text)).to.equal(undefined);
    });

  for (const text of [
    ...[
      'null',
      '~',
      'yes',
      'No',
      'TRUE',
      '0x1F',
      '0o17',
      '010',
      '1_000',
      '-1',
      '+1',
      '.5',
      '1.',
      '1e3',
      '-.inf',
      '.NaN',
    ],
    ...['2026-11-30', '12:30:45', '-0', 'é', 'b#c', 'b #c', '"x\\ny"', '"\\u00e9"', "'it''s'"],
    ...[
      'b\n  c',
      '{ b: , c }',
      '[ , ]',
      '{ b }',
      '[b: c]',
      '"b"c',
      '=',
      'b: c',
      '[\n  b,\n  c ]',
      '{ "b":c }',
    ],
  ])
    it(`reads a: ${JSON.stringify(text)} as yaml does, or not at all`, () => {
      const read = plainMap(`a: ${text}`);
      if (read) expect(read).to.deep.equal(byYaml(`a: ${text}`));
      else
        expect(byYaml(`a: ${text}`)).to.satisfy(
          (value: unknown) => value === 'not valid' || /[{["']|\n/.test(text),
        );
    });

  it('never reads anything else than YAML does', () => {
    let read = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const plain = plainMap(text);
        if (!plain) return;
        read++;
        expect(plain).to.deep.equal(byYaml(text), JSON.stringify(text));
        expect(JSON.stringify(plain)).to.equal(JSON.stringify(byYaml(text)), 'the order of keys');
      }),
      { numRuns: 5000 },
    );
    expect(read).to.be.above(200);
  });
});

const words = fc.constantFrom(
  ...[
    'a',
    'b',
    'c',
    'word',
    'two words',
    'https://x.test/v1',
    'x:y',
    'a:b:c',
    '/a/b',
    '$x',
    `\${X}`,
    `\${X:-a:b}`,
  ],
  ...[
    '0',
    '7',
    '42',
    '0.5',
    '1.',
    '1.2.3',
    '1e3',
    '012',
    '-3',
    'true',
    'false',
    'True',
    'null',
    '~',
    'y',
    '.5',
  ],
  ...[
    '"q"',
    '"a: b, c # d"',
    "'s'",
    "'a'b",
    '""',
    '" x "',
    "'",
    '"',
    '#c',
    'a #c',
    'a#c',
    'a: b',
    'a:',
    ':a',
    '-',
    '- a',
  ],
  ...[
    '{}',
    '[]',
    '{ a: b }',
    '{a: 1, b: c d}',
    '[a, b ,c]',
    '[ a,b ]',
    '[a: b]',
    '{ "k": v }',
    '{a:b}',
    '{ a: [1, { b: c }] }',
  ],
  ...[
    '[a, ]',
    '{ a: }',
    '[',
    ']',
    '{a: b',
    '[a b, c]',
    '{a: x#y}',
    '[?a]',
    'a?',
    'a,b',
    '*a',
    '&a',
    '!a',
    '%a',
    '@a',
    '|',
    '>',
    '',
  ],
);
const blanks = fc.constantFrom('', '', '  ', '  ', '    ', ' ', '      ');
const lines = fc
  .tuple(
    blanks,
    fc.constantFrom('a: ', 'b: ', 'c: ', 'd:', 'e:  ', 'key.x: ', '- ', '-', '', '# '),
    words,
    blanks,
  )
  .map((parts) => parts.join(''));
const texts = fc.array(lines, { minLength: 1, maxLength: 6 }).map((all) => all.join('\n'));

function byYaml(text: string): unknown {
  const doc = parseDocument(text, { stringKeys: true, merge: true, logLevel: 'error', prettyErrors: false });
  return doc.errors.length > 0 || doc.warnings.length > 0 ? 'not valid' : doc.toJS({ maxAliasCount: 0 });
}
