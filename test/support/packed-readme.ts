/** The part of package.json that locates the pages of this version. */
export interface Origin {
  /** As npm accepts it: a URL, `owner/name`, or an object with the URL and the folder of the package. */
  readonly repository?: string | { readonly url: string; readonly directory?: string } | undefined;
  readonly version: string;
}

/** URLs of a host for the files of a repository: `page` for text, `picture` for the bytes of images. */
const HOSTS = {
  github: (path: string, tag: string) => ({
    page: `https://github.com/${path}/blob/${tag}/`,
    picture: `https://raw.githubusercontent.com/${path}/${tag}/`,
  }),
  gitlab: (path: string, tag: string) => ({
    page: `https://gitlab.com/${path}/-/blob/${tag}/`,
    picture: `https://gitlab.com/${path}/-/raw/${tag}/`,
  }),
};

const ADDRESS =
  /^(?:(?:git\+)?(?:https?|ssh|git):\/\/)?(?:[^@/]+@)?(?<host>github|gitlab)\.com[/:](?<path>[^#?]+?)(?:\.git)?\/?(?:[#?].*)?$/;
const SHORT = /^(?:(?<host>github|gitlab):)?(?<path>[\w.-]+(?:\/[\w.-]+)+?)(?:\.git)?(?:#.*)?$/;

const FENCED =
  /^[ \t>]*(?<fence>`{3,}|~{3,})[^\n`]*\n(?:.*\n)*?(?:[ \t>]*\k<fence>[`~]*[ \t]*$|.*(?![\s\S]))/;
const SPAN = /(?<!`)(?<ticks>`+)(?!`)(?:(?!\n[ \t]*\n)[\s\S])*?(?<!`)\k<ticks>(?!`)/;
const CODE = new RegExp(`${FENCED.source}|${SPAN.source}`, 'gm');

const INLINE = /(\]\(\s*)(<[^<>\n]*>|[^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*)/g;
const DEFINITION = /^( {0,3}\[(?!\^)[^\]\n]+\]:[ \t]*)(<[^<>\n]*>|\S+)/gm;
const TAG = /<[a-z](?:"[^"]*"|'[^']*'|[^'"<>])*>/gi;
const ATTRIBUTE = /(\s(?<name>href|src|srcset)=)(?<quote>["'])(?<value>.*?)\k<quote>/gi;

const PICTURE = /\.(?:avif|gif|jpe?g|png|svg|webp)$/i;
const ELSEWHERE = /^(?:[a-z][a-z\d+.-]*:|\/\/|#|$)/i;

/**
 * The README for the package: relative links and pictures become absolute, at the tag of this version (`v1.2.3`).
 * Code is not changed; without a repository, nothing is.
 * @throws if the repository's host is not known
 */
export function packedReadme(readme: string, { repository, version }: Origin): string {
  if (!repository) return readme;
  const { url, directory = '' } =
    typeof repository === 'string' ? { url: repository, directory: '' } : repository;
  const roots = rootsOf(url, `v${version}`);
  const folder = directory.replace(/^(?:\.?\/)+|\/+$/g, '');

  const leadingThere = (link: string): string => {
    if (ELSEWHERE.test(link)) return link;
    const root = PICTURE.test(link.replace(/[?#].*/, '')) ? roots.picture : roots.page;
    if (link.startsWith('/')) return new URL(link.slice(1), root).href;
    return new URL(link, folder ? `${root}${folder}/` : root).href;
  };
  return outsideOfCode(readme, (text) => withLinks(text, leadingThere));
}

function rootsOf(url: string, tag: string): { readonly page: string; readonly picture: string } {
  const { host = 'github', path } = (ADDRESS.exec(url) ?? SHORT.exec(url))?.groups ?? {};
  if (path) return HOSTS[host as keyof typeof HOSTS](path, tag);
  throw new Error(
    `README.md cannot lead to the repository ${JSON.stringify(url)}: only github.com and gitlab.com are known. ` +
      'Add its host to test/support/packed-readme.ts.',
  );
}

function outsideOfCode(text: string, change: (text: string) => string): string {
  let end = 0;
  let changed = '';
  for (const { 0: code, index } of text.matchAll(CODE)) {
    changed += change(text.slice(end, index)) + code;
    end = index + code.length;
  }
  return changed + change(text.slice(end));
}

function withLinks(text: string, leadingThere: (link: string) => string): string {
  const inBrackets = (_all: string, before: string, link: string): string =>
    before + (link.startsWith('<') ? `<${leadingThere(link.slice(1, -1))}>` : leadingThere(link));
  const candidates = (value: string): string =>
    value.replaceAll(
      /(^|,)(\s*)([^\s,]+)/g,
      (_all, comma, space, link) => comma + space + leadingThere(link),
    );
  const inTag = (tag: string): string =>
    tag.replaceAll(ATTRIBUTE, (_all, before, name: string, quote, value: string) => {
      const changed = name.toLowerCase() === 'srcset' ? candidates(value) : leadingThere(value);
      return `${before}${quote}${changed}${quote}`;
    });
  return text.replaceAll(INLINE, inBrackets).replaceAll(DEFINITION, inBrackets).replaceAll(TAG, inTag);
}
