import { expect } from 'chai';
import { packedReadme } from '../support/packed-readme.js';

const PAGES = 'https://github.com/owner/name/blob/v1.2.3';
const PICTURES = 'https://raw.githubusercontent.com/owner/name/v1.2.3';

const packed = (readme: string, repository?: Parameters<typeof packedReadme>[1]['repository']) =>
  packedReadme(readme, { repository, version: '1.2.3' });
const onGitHub = (readme: string) => packed(readme, 'owner/name');

describe('packedReadme()', () => {
  it('leaves a README as it is while there is no repository', () => {
    expect(packed('[a](docs/a.md) <img src="b.png">')).to.equal('[a](docs/a.md) <img src="b.png">');
  });

  const changed: Record<string, [before: string, after: string]> = {
    'a page': ['[a](docs/a.md)', `[a](${PAGES}/docs/a.md)`],
    'a place on a page': ['[a](docs/a.md#b-c)', `[a](${PAGES}/docs/a.md#b-c)`],
    'a folder': ['[a](examples)', `[a](${PAGES}/examples)`],
    'a path from here': ['[a](./docs/a.md)', `[a](${PAGES}/docs/a.md)`],
    'a path from the root': ['[a](/docs/a.md)', `[a](${PAGES}/docs/a.md)`],
    'a link with a title': ['[a](a.md "b (c)")', `[a](${PAGES}/a.md "b (c)")`],
    'a path with brackets in it': ['([a](b_(c).md))', `([a](${PAGES}/b_(c).md))`],
    'a path with a space': ['[a](<b c.md>)', `[a](<${PAGES}/b%20c.md>)`],
    'code that is a link': ['[`a.md`](a.md)', `[\`a.md\`](${PAGES}/a.md)`],
    'a definition': ['[a]\n\n[a]: docs/a.md "b"', `[a]\n\n[a]: ${PAGES}/docs/a.md "b"`],
    'a picture': ['![a](docs/a.png)', `![a](${PICTURES}/docs/a.png)`],
    'a picture that is a link': ['[![a](a.svg)](b.md)', `[![a](${PICTURES}/a.svg)](${PAGES}/b.md)`],
    'a tag for a picture': ['<img alt="a > b" src="a.png">', `<img alt="a > b" src="${PICTURES}/a.png">`],
    'a link as a tag': [`<a href='b.md'>a</a>`, `<a href='${PAGES}/b.md'>a</a>`],
    'pictures of several sizes': [
      '<source media="(a)"\n  srcset="a.png, docs/b.webp 2x">',
      `<source media="(a)"\n  srcset="${PICTURES}/a.png, ${PICTURES}/docs/b.webp 2x">`,
    ],
    'what follows code': ['`x` [a](a.md)', `\`x\` [a](${PAGES}/a.md)`],
    'what stands between two lone backticks': ['`\n\n[a](a.md)\n\n`', `\`\n\n[a](${PAGES}/a.md)\n\n\``],
    'what follows a block': [
      '```\n[a](a.md)\n```\n[b](b.md)',
      `\`\`\`\n[a](a.md)\n\`\`\`\n[b](${PAGES}/b.md)`,
    ],
  };
  for (const [what, [before, after]] of Object.entries(changed)) {
    it(`has ${what} lead into the repository`, () => {
      expect(onGitHub(before)).to.equal(after);
    });
  }

  const kept: Record<string, string> = {
    'an address':
      '[a](https://example.com/a.md) <https://example.com/b.md> <img src="http://example.com/a.png">',
    'an address without a scheme': '[a](//example.com/a.md)',
    'a mail address': '[a](mailto:a@example.com)',
    'a place on the page itself': '[a](#b)',
    'a footnote': '[^1]\n\n[^1]: a.md',
    'code in a line': '`[a](a.md)` and ``<img src="a.png"> ` [b](b.md)``',
    'a block of code': '```html\n<img src="a.png">\n[a](a.md)\n```\n',
    'a block with a longer fence': '````md\n```\n[a](a.md)\n```\n[b](b.md)\n````\n',
    'a block with tildes, in a list': '- a\n\n  ~~~\n  [a](a.md)\n  ~~~\n',
    'a block that nothing closes': 'a\n```\n[a](a.md)\n[b](b.md)',
  };
  for (const [what, readme] of Object.entries(kept)) {
    it(`leaves ${what} as it is`, () => {
      expect(onGitHub(readme)).to.equal(readme);
    });
  }

  const spellings = [
    'owner/name',
    'github:owner/name',
    'https://github.com/owner/name',
    'git+https://github.com/owner/name.git',
    'git://github.com/owner/name.git#main',
    'git+ssh://git@github.com/owner/name.git',
    'git@github.com:owner/name.git',
  ];
  for (const url of spellings) {
    it(`understands the repository ${url}`, () => {
      expect(packed('[a](a.md)', url)).to.equal(`[a](${PAGES}/a.md)`);
      expect(packed('[a](a.md)', { url })).to.equal(`[a](${PAGES}/a.md)`);
    });
  }

  it('knows the folder of a package within its repository', () => {
    const repository = { url: 'owner/name', directory: './packages/one/' };
    expect(packed('[a](a.md) [b](../b.md) [c](/c.md)', repository)).to.equal(
      `[a](${PAGES}/packages/one/a.md) [b](${PAGES}/packages/b.md) [c](${PAGES}/c.md)`,
    );
  });

  it('knows how GitLab shows files', () => {
    expect(packed('[a](a.md) ![b](b.png)', 'https://gitlab.com/group/sub/name.git')).to.equal(
      '[a](https://gitlab.com/group/sub/name/-/blob/v1.2.3/a.md) ' +
        '![b](https://gitlab.com/group/sub/name/-/raw/v1.2.3/b.png)',
    );
  });

  it('refuses a host that it does not know, and says where to add it', () => {
    expect(() => packed('[a](a.md)', 'https://git.example.com/owner/name.git')).to.throw(
      /"https:\/\/git\.example\.com\/owner\/name\.git".*packed-readme\.ts/,
    );
  });
});
