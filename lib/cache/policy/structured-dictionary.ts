/** A bare item of a structured field (RFC 8941 §3.3), distinguished by its type. */
export type BareItem =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'decimal'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'token'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: string }
  | { readonly type: 'boolean'; readonly value: boolean };

/** The value of a dictionary member; parameters are checked and dropped. */
export type DictionaryMember =
  | BareItem
  | { readonly type: 'inner-list'; readonly value: readonly BareItem[] };

/** Thrown inside the parser only. */
class NotStructured extends Error {}

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const NUMBER = /-?(\d+)(?:\.(\d+))?/y;
const STRING = /"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const BYTES = /:([A-Za-z0-9+/=]*):/y;
const BOOLEAN = /\?([01])/y;
const SPACES = / */y;
const OPTIONAL_WHITE_SPACE = /[ \t]*/y;

/**
 * Parses a dictionary as strictly as RFC 8941 §4.2.2 requires: any error makes the whole of it `undefined`. Of two
 * members with one key the last counts.
 */
export function parseDictionary(text: string): Map<string, DictionaryMember> | undefined {
  try {
    return new DictionaryParser(text).dictionary();
  } catch (error) {
    if (error instanceof NotStructured) return undefined;
    throw error;
  }
}

class DictionaryParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    // Spaces only: a leading tab is an error.
    this.#text = text.replace(/^ +/, '');
  }

  dictionary(): Map<string, DictionaryMember> {
    const members = new Map<string, DictionaryMember>();
    while (!this.#ended()) {
      const key = this.#key();
      members.set(key, this.#memberValue());
      this.#take(OPTIONAL_WHITE_SPACE);
      if (this.#ended()) return members;
      this.#expect(',');
      this.#take(OPTIONAL_WHITE_SPACE);
      // A trailing comma.
      if (this.#ended()) throw new NotStructured();
    }
    return members;
  }

  #memberValue(): DictionaryMember {
    if (!this.#skip('=')) {
      this.#parameters();
      return { type: 'boolean', value: true };
    }
    const value = this.#text[this.#at] === '(' ? this.#innerList() : this.#bareItem();
    this.#parameters();
    return value;
  }

  #innerList(): DictionaryMember {
    this.#expect('(');
    const items: BareItem[] = [];
    for (;;) {
      this.#take(SPACES);
      if (this.#skip(')')) return { type: 'inner-list', value: items };
      items.push(this.#bareItem());
      this.#parameters();
      const next = this.#text[this.#at];
      if (next !== ' ' && next !== ')') throw new NotStructured();
    }
  }

  #parameters(): void {
    while (this.#skip(';')) {
      this.#take(SPACES);
      this.#key();
      if (this.#skip('=')) this.#bareItem();
    }
  }

  #bareItem(): BareItem {
    const first = this.#text[this.#at] ?? '';
    if (first === '"') return { type: 'string', value: this.#group(STRING).replace(/\\(.)/g, '$1') };
    if (first === ':') return { type: 'bytes', value: this.#group(BYTES) };
    if (first === '?') return { type: 'boolean', value: this.#group(BOOLEAN) === '1' };
    if (first === '-' || (first >= '0' && first <= '9')) return this.#number();
    return { type: 'token', value: this.#match(TOKEN)[0] };
  }

  #number(): BareItem {
    const [text, whole = '', fraction] = this.#match(NUMBER);
    if (fraction === undefined) {
      if (whole.length > 15) throw new NotStructured();
      return { type: 'integer', value: Number(text) };
    }
    if (whole.length > 12 || fraction.length > 3) throw new NotStructured();
    return { type: 'decimal', value: Number(text) };
  }

  #key(): string {
    return this.#match(KEY)[0];
  }

  #group(pattern: RegExp): string {
    return this.#match(pattern)[1] ?? '';
  }

  #match(pattern: RegExp): RegExpExecArray {
    const match = this.#take(pattern);
    if (!match) throw new NotStructured();
    return match;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#skip(char)) throw new NotStructured();
  }

  #ended(): boolean {
    return this.#at >= this.#text.length;
  }
}
