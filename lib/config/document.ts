import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLError,
} from 'yaml';
import { ConfigError, type ConfigProblem } from './config-error.js';

/** How the text is written. */
export type ConfigFormat = 'yaml' | 'json';

/** A configuration text as plain values, with the lines they stand on. */
export interface ConfigDocument {
  readonly value: unknown;
  /** Line of the option at this path, or of the nearest one above it. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/** Aliases that are resolved at most: a few nested ones could stand for billions of values. */
const MAX_ALIASES = 100;

/** Levels of brackets or of dashes in one line. The parser recurses, and out of stack it ends the process. */
const MAX_DEPTH = 100;

function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (const char of text) {
    if (char === '[' || char === '{') depth++;
    else if (char === ']' || char === '}') depth = Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) return true;
  }
  return text.includes('- '.repeat(MAX_DEPTH));
}

/** Reads YAML or JSON. @throws ConfigError with every error of syntax */
export function readDocument(text: string, format: ConfigFormat, source: string): ConfigDocument {
  if (nestsTooDeep(text)) {
    throw new ConfigError(source, [{ path: '', message: `nests more than ${MAX_DEPTH} levels deep` }]);
  }
  const lines = new LineCounter();
  // JSON is read as YAML too, for the lines and the duplicate keys that JSON.parse passes over. Tabs are
  // no indentation in YAML, and in JSON they stand between tokens only.
  const plain = format === 'json' ? text.replace(/^\uFEFF/, '').replaceAll('\t', ' ') : text;
  const doc = parseDocument(plain, {
    lineCounter: lines,
    // Pretty errors quote the line, which may hold a password.
    prettyErrors: false,
    // Anything quieter would also pass over a second document.
    logLevel: 'error',
    stringKeys: true,
    merge: true,
  });
  const problems = format === 'json' ? jsonProblems(plain, doc, lines) : yamlProblems(plain, doc, lines);
  if (problems.length === 0 && doc.contents === null) problems.push({ path: '', message: 'is empty' });
  if (problems.length > 0) throw new ConfigError(source, problems);
  const value: unknown = format === 'json' ? JSON.parse(plain) : plainValue(doc, source);
  return { value, lineOf: (path) => lineOf(doc, lines, path) };
}

function plainValue(doc: Document.Parsed, source: string): unknown {
  try {
    return doc.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    const message = `holds aliases that stand for too many values (more than ${MAX_ALIASES})`;
    throw new ConfigError(source, [{ path: '', message }]);
  }
}

const MESSAGES: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'the same key stands here twice',
  MULTIPLE_DOCS: 'a second document begins here; a file holds one',
  TAB_AS_INDENT: 'a tab stands in the indentation; YAML takes spaces only',
  NON_STRING_KEY: 'a key must be a plain name',
};

function yamlProblems(text: string, doc: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  const known = doc.errors.filter((error) => MESSAGES[error.code]);
  // After the first error of syntax the rest of the text is misread.
  const first = doc.errors.find((error) => !MESSAGES[error.code]);
  return [...known, ...(first ? [first] : []), ...doc.warnings].map((error) =>
    yamlProblem(text, error, lines),
  );
}

function yamlProblem(text: string, { code, message, pos }: YAMLError, lines: LineCounter): ConfigProblem {
  const { line } = lines.linePos(pos[0]);
  // Some messages quote the text behind a colon.
  const plain = MESSAGES[code] ?? `is no valid YAML: ${message.replace(/:? ".*"/s, '')}`;
  const unquoted = !MESSAGES[code] && /\{.*\$\{/.test(text.split('\n')[line - 1] ?? '');
  return { path: '', message: unquoted ? `${plain} (within { } put "\${NAME}" in quotes)` : plain, line };
}

function jsonProblems(text: string, doc: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  try {
    JSON.parse(text);
    return doc.errors.filter((e) => e.code === 'DUPLICATE_KEY').map((e) => yamlProblem(text, e, lines));
  } catch (error) {
    if (text.trim() === '') return [];
    const at = jsonErrorOffset(text, String(error)) ?? doc.errors[0]?.pos[0];
    const line = at === undefined ? {} : { line: lines.linePos(at).line };
    return [{ path: '', message: 'is no valid JSON', ...line }];
  }
}

/** V8 gives the position, or in its place some of the text around it. */
function jsonErrorOffset(text: string, message: string): number | undefined {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return Math.min(Number(position), text.length - 1);
  const [, wrong = '', quoted] = /token '(.)'.*?, (?:\.\.\.)?"(.*)"(?:\.\.\.)? is not/s.exec(message) ?? [];
  const start = quoted === undefined ? -1 : text.indexOf(quoted);
  return start < 0 ? undefined : start + Math.max(0, (quoted ?? '').indexOf(wrong));
}

function lineOf(doc: Document.Parsed, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
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

const startOf = (node: unknown) => (isNode(node) ? node.range?.[0] : undefined);
