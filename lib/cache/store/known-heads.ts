import type { EntryMeta } from './entry.js';

const MAX_HEADS = 500;
const MAX_CHARACTERS = 4096;

/** Heads that were read lately, by their text: what is asked for again and again is parsed once. */
export class KnownHeads {
  readonly #parse: (text: string) => EntryMeta | undefined;
  readonly #known = new Map<string, EntryMeta>();

  constructor(parse: (text: string) => EntryMeta | undefined) {
    this.#parse = parse;
  }

  /** @returns `undefined` for what is no head; nobody may change what it returns */
  read(text: string): EntryMeta | undefined {
    const known = this.#known.get(text);
    if (known) return known;
    const head = this.#parse(text);
    if (!head || text.length > MAX_CHARACTERS) return head;
    // All at once: the ones in use are back with their next look-up.
    if (this.#known.size >= MAX_HEADS) this.#known.clear();
    this.#known.set(text, head);
    return head;
  }
}
