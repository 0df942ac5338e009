import type { Document, LineCounter, YAMLError } from 'yaml';
import { yaml } from '../core/packages/yaml.js';
import { cutSections } from './api-sections.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { plainMap } from './plain-yaml.js';

/** Format of the text. */
export type ConfigFormat = 'yaml' | 'json';

/** A configuration text as plain values, with their line numbers. */
export interface ConfigDocument {
  readonly value: unknown;
  /** Line of the option at this path, or of the nearest one above it. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/** Limit for aliases: a few nested ones can expand to billions of values. */
const MAX_ALIASES = 100;

/** Limit for nested brackets, and for dashes in one line: the parser recurses and would overflow the stack. */
const MAX_DEPTH = 100;

function nestsTooDeep(text: string): boolean {
  let depth = 0;
  // Without an object for each: of two thousand APIs there are ten thousand.
  for (const bracket = /[[\]{}]/g; bracket.test(text); ) {
    const found = text[bracket.lastIndex - 1];
    if (found === '[' || found === '{') depth++;
    else depth = Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) return true;
  }
  return text.includes('- '.repeat(MAX_DEPTH));
}

/** Reads one version of a text after another; APIs whose lines are as they were are the same objects. */
export class DocumentReader {
  /** What each section of the last text stood for. */
  #sections: ReadonlyMap<string, readonly [name: string, value: unknown]> = new Map();

  /** @throws ConfigError with all syntax errors */
  read(text: string, format: ConfigFormat, source: string): ConfigDocument {
    const value = format === 'yaml' && !nestsTooDeep(text) ? this.#inSections(text) : undefined;
    if (value === undefined) return readDocument(text, format, source);
    let whole: ConfigDocument | undefined;
    return {
      value,
      lineOf(path) {
        whole ??= readDocument(text, format, source);
        return whole.lineOf(path);
      },
    };
  }

  /** `undefined` where the text has another style, or an error: it is then read as a whole, with the right lines. */
  #inSections(text: string): object | undefined {
    const cut = cutSections(text);
    const frame = cut && (plainMap(cut.frame) ?? mapIn(cut.frame));
    if (!frame) return undefined;
    const sections = new Map<string, readonly [string, unknown]>();
    const apis = new Map<string, unknown>();
    for (const section of cut.apis) {
      const known = this.#sections.get(section) ?? onlyEntry(plainMap(section) ?? mapIn(section));
      if (!known || apis.has(known[0])) return undefined;
      sections.set(section, known);
      apis.set(...known);
    }
    this.#sections = sections;
    const at = Object.entries(frame).map(([key, value]) => [
      key,
      key === cut.root ? Object.fromEntries(apis) : value,
    ]);
    return Object.fromEntries(at);
  }
}

/** The map that a text without errors stands for. */
function mapIn(text: string): object | undefined {
  const { isMap, parseDocument } = yaml();
  const doc = parseDocument(text, PARSING);
  if (doc.errors.length > 0 || doc.warnings.length > 0 || !isMap(doc.contents)) return undefined;
  const value: unknown = doc.toJS({ maxAliasCount: 0 });
  return typeof value === 'object' && value !== null ? value : undefined;
}

function onlyEntry(map: object | undefined): readonly [string, unknown] | undefined {
  const [entry, ...others] = Object.entries(map ?? {});
  return others.length === 0 ? entry : undefined;
}

const PARSING = {
  // Pretty errors quote the line, which may contain a password.
  prettyErrors: false,
  // Lower levels also suppress the error about a second document.
  logLevel: 'error',
  stringKeys: true,
  merge: true,
} as const;

/** Reads YAML or JSON. @throws ConfigError with all syntax errors */
function readDocument(text: string, format: ConfigFormat, source: string): ConfigDocument {
  if (nestsTooDeep(text)) {
    throw new ConfigError(source, [{ path: '', message: `nests more than ${MAX_DEPTH} levels deep` }]);
  }
  const { LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  // JSON is parsed as YAML too, for line numbers and for duplicate keys, which JSON.parse accepts. Tabs, which YAML
  // refuses as indentation, occur in JSON between tokens only.
  const plain = format === 'json' ? text.replace(/^\uFEFF/, '').replaceAll('\t', ' ') : text;
  const doc = parseDocument(plain, { ...PARSING, lineCounter: lines });
  const problems = format === 'json' ? jsonProblems(plain, doc, lines) : yamlProblems(plain, doc, lines);
  if (problems.length === 0) problems.push(...aliasProblems(doc, lines));
  if (problems.length === 0 && doc.contents === null) problems.push({ path: '', message: 'is empty' });
  if (problems.length > 0) throw new ConfigError(source, problems);
  const value: unknown = format === 'json' ? JSON.parse(plain) : plainValue(doc, source);
  return { value, lineOf: (path) => lineOf(doc, lines, path) };
}

function plainValue(doc: Document.Parsed, source: string): unknown {
  try {
    return doc.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    const message = /^Excessive/.test(String(error instanceof Error && error.message))
      ? `uses too many aliases (more than ${MAX_ALIASES})`
      : 'is not valid YAML: what << merges must be a map, or an alias of one';
    throw new ConfigError(source, [{ path: '', message }]);
  }
}

/** A text that begins with `*`, such as `*.example.com`, is read as an alias. */
function aliasProblems(doc: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const anchors = new Set<string>();
  yaml().visit(doc, {
    Node(_key, node) {
      if ('anchor' in node && node.anchor) anchors.add(node.anchor);
    },
    Alias(_key, { source, range }) {
      if (anchors.has(source)) return;
      const { line } = lines.linePos(range?.[0] ?? 0);
      const message =
        'is not valid YAML: an alias without an anchor (put a text that begins with * in quotes)';
      problems.push({ path: '', message, line });
    },
  });
  return problems;
}

const MESSAGES: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'duplicate key',
  MULTIPLE_DOCS: 'a second document starts here; a file must contain one',
  TAB_AS_INDENT: 'tab in the indentation; YAML allows spaces only',
  NON_STRING_KEY: 'a key must be a plain string',
};

function yamlProblems(text: string, doc: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  const known = doc.errors.filter((error) => MESSAGES[error.code]);
  // After the first syntax error the parser misreads the rest.
  const first = doc.errors.find((error) => !MESSAGES[error.code]);
  return [...known, ...(first ? [first] : []), ...doc.warnings].map((error) =>
    yamlProblem(text, error, lines),
  );
}

function yamlProblem(text: string, { code, message, pos }: YAMLError, lines: LineCounter): ConfigProblem {
  const { line } = lines.linePos(pos[0]);
  const plain = MESSAGES[code] ?? `is not valid YAML: ${withoutText(code, message)}`;
  const unquoted = !MESSAGES[code] && /\{.*\$\{/.test(text.split('\n')[line - 1] ?? '');
  return { path: '', message: unquoted ? `${plain} (within { } put "\${NAME}" in quotes)` : plain, line };
}

/** What is wrong, without the text that some messages quote: it may be a password. */
function withoutText(code: YAMLError['code'], message: string): string {
  if (code === 'TAG_RESOLVE_FAILED') return 'unknown tag (put a text that begins with ! in quotes)';
  if (code === 'BAD_DQ_ESCAPE') return 'Invalid escape sequence (write \\\\ for a \\, or use single quotes)';
  if (message.startsWith('Block scalar header'))
    return 'Block scalar header includes extra characters (put a text that begins with | or > in quotes)';
  return message.replace(/:? ".*"|: .*/s, '');
}

function jsonProblems(text: string, doc: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  try {
    JSON.parse(text);
    return doc.errors.filter((e) => e.code === 'DUPLICATE_KEY').map((e) => yamlProblem(text, e, lines));
  } catch (error) {
    if (text.trim() === '') return [];
    const at = jsonErrorOffset(text, String(error)) ?? doc.errors[0]?.pos[0];
    const line = at === undefined ? {} : { line: lines.linePos(at).line };
    return [{ path: '', message: 'is not valid JSON', ...line }];
  }
}

/** V8 gives either the position or some of the text around it. */
function jsonErrorOffset(text: string, message: string): number | undefined {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return Math.min(Number(position), text.length - 1);
  const [, wrong = '', quoted] = /token '(.)'.*?, (?:\.\.\.)?"(.*)"(?:\.\.\.)? is not/s.exec(message) ?? [];
  const start = quoted === undefined ? -1 : text.indexOf(quoted);
  return start < 0 ? undefined : start + Math.max(0, (quoted ?? '').indexOf(wrong));
}

function lineOf(doc: Document.Parsed, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
  const { isAlias, isMap, isScalar, isSeq } = yaml();
  let node: unknown = doc.contents;
  let offset: number | undefined;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(doc);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

const startOf = (node: unknown) => (yaml().isNode(node) ? node.range?.[0] : undefined);
