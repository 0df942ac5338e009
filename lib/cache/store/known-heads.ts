import type { EntryMeta } from './entry.js';

const MAX_HEADS = 500;
const MAX_CHARACTERS = 4096;

/** Recently read heads by their text, so that a popular one is parsed only once. */
export class KnownHeads {
  readonly #parse: (text: string) => EntryMeta | undefined;
  readonly #known = new Map<string, EntryMeta>();

  constructor(parse: (text: string) => EntryMeta | undefined) {
    this.#parse = parse;
  }

  /** @returns `undefined` for text that is not a head; the returned object must not be changed */
  read(text: string): EntryMeta | undefined {
    const known = this.#known.get(text);
    if (known) return known;
    const head = this.#parse(text);
    if (!head || text.length > MAX_CHARACTERS) return head;
    // All at once: those in use return with their next look-up.
    if (this.#known.size >= MAX_HEADS) this.#known.clear();
    this.#known.set(text, head);
    return head;
  }
}
