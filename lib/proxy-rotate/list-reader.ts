import type { ResolvedProxy } from './named-proxy.js';
import { readProxyLine } from './proxy-line.js';
import { UniqueNames } from './unique-names.js';

/** A line of a list that cannot be read. It shows nothing of the line. */
export interface LineProblem {
  /** 1 for the first. */
  readonly line: number;
  readonly rule: string;
}

/** What a list holds. */
export interface ListContent {
  /** Proxies in the order of their lines; a line that stays is the same object as before. */
  readonly proxies: readonly ResolvedProxy[];
  /** The first of the lines that cannot be read. */
  readonly problems: readonly LineProblem[];
  /** How many there are. */
  readonly wrongLines: number;
}

/** Problems that are kept. */
const MAX_PROBLEMS = 20;

/** Proxies of one list. */
const MAX_PROXIES = 100_000;

/** New lines that are read without a pause. */
const AT_ONCE = 250;

/**
 * Reads a list again and again. Lines that it knows are not read again, and what they stand for stays the same, so that
 * a change costs no more than the lines that have changed.
 */
export class ListReader {
  #known: ReadonlyMap<string, ResolvedProxy>;
  readonly #names = new UniqueNames();

  /** @param known one whose lines stay what they are here */
  constructor(known?: ListReader) {
    this.#known = known ? known.#known : new Map();
    for (const { name } of this.#known.values()) this.#names.take(name);
  }

  /** Reads a list without a pause. */
  read(text: string): ListContent {
    const steps = this.#steps(text);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /** The same, and lets others run in between. Not to be called again before it has ended. */
  async readInTurns(text: string): Promise<ListContent> {
    const steps = this.#steps(text);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      await new Promise(setImmediate);
    }
  }

  /** Yields after some new lines, and between its parts. */
  *#steps(text: string): Generator<undefined, ListContent> {
    const lines = numbered(text);
    const proxies = new Map<string, ResolvedProxy>();
    const problems: LineProblem[] = [];
    let wrongLines = 0;
    let fresh = 0;
    yield;
    // First, so that a proxy whose password has changed gets the name that it had.
    for (const [line, { name }] of this.#known) if (!lines.has(line)) this.#names.release(name);
    for (const [line, number] of lines) {
      const before = this.#known.get(line);
      const read = before ?? this.#new(line, proxies.size);
      if (typeof read !== 'string') proxies.set(line, read);
      else if (++wrongLines <= MAX_PROBLEMS) problems.push({ line: number, rule: read });
      if (!before && ++fresh % AT_ONCE === 0) yield;
    }
    yield;
    if (proxies.size > 0) this.#known = proxies;
    // Nobody uses an empty list in place of another: what is known stays.
    else for (const { name } of this.#known.values()) this.#names.take(name);
    return { proxies: [...proxies.values()], problems, wrongLines };
  }

  #new(line: string, before: number): ResolvedProxy | string {
    if (before >= MAX_PROXIES) return `is beyond the ${MAX_PROXIES} proxies that a list may have`;
    const listed = readProxyLine(line);
    if (typeof listed === 'string') return listed;
    return { ...listed, name: this.#names.take(listed.name) };
  }
}

/** The lines that hold something, without white space and comments. What is listed twice is one proxy. */
function numbered(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = withoutComment(raw);
    if (line !== '' && !lines.has(line)) lines.set(line, i + 1);
  }
  return lines;
}

/** `#` begins a comment at the start of a line or behind white space: a password may hold one. */
function withoutComment(raw: string): string {
  const start = raw.indexOf('#');
  if (start < 0) return raw.trim();
  return raw.replace(/(?:^|\s)#.*$/s, '').trim();
}
