/** A text in block style, cut in pieces that can be parsed by themselves. */
export interface Sections {
  /** The text with an empty map in the place of its APIs. */
  readonly frame: string;
  /** Name of the key that held them. */
  readonly root: string;
  /** The lines of each API, as they stand in the text. */
  readonly apis: readonly string[];
}

/** What refers to another place of the file, or makes it more than one document. */
const CONNECTED = /(?:^|[\s,[{:-])[&*][A-Za-z0-9_]|<<\s*:|^%|^---|^\.\.\.|(?:^|\s)!/m;
const ROOT = /^(apis|api_configs):[ ]*(?:#.*)?$/gm;
const KEY = /(?:[A-Za-z0-9_.~-]+|"[^"\\\n]*"|'[^'\n]*'):(?=\s|$)/y;
/** Where regular expressions see lines begin, and YAML does not. */
const OTHER_LINES = /[\u2028\u2029]/;
const SPACE = 32;
const COMMENT = 35;
/** Tab, line feed and carriage return. */
const BLANKS = [9, 10, 13];

/**
 * Cuts a configuration in YAML where each API begins, so that only those are parsed again that have changed.
 * @returns `undefined` for a text in another style, which has to be parsed as a whole
 */
export function cutSections(text: string): Sections | undefined {
  if (CONNECTED.test(text) || OTHER_LINES.test(text)) return undefined;
  const [root, ...others] = text.matchAll(ROOT);
  if (root === undefined || others.length > 0) return undefined;
  const [line, key = ''] = root;
  const begin = root.index + line.length + 1;
  const apis: string[] = [];
  let indent = 0;
  let from = -1;
  let end = begin;
  // By characters and not by lines: the texts of two thousand APIs are cut at each reload, which nothing else delays.
  for (let at = begin; at < text.length; ) {
    let content = at;
    while (text.charCodeAt(content) === SPACE) content++;
    const first = text.charCodeAt(content);
    const next = text.indexOf('\n', content) + 1 || text.length;
    const depth = content - at;
    if (content >= text.length || first === COMMENT || BLANKS.includes(first)) {
      if (text.slice(at, next).includes('\t')) return undefined;
    } else {
      if (depth === 0) break;
      if (indent === 0) indent = depth;
      if (depth < indent) return undefined;
      if (depth === indent) {
        KEY.lastIndex = content;
        if (!KEY.test(text)) return undefined;
        if (from >= 0) apis.push(text.slice(from, at - 1));
        from = at;
      }
    }
    at = next;
    end = next;
  }
  if (from < 0) return undefined;
  apis.push(text.slice(from, end));
  return { frame: `${text.slice(0, root.index)}${key}: {}\n${text.slice(end)}`, root: key, apis };
}
