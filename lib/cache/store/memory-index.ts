import { KeyIndex } from './key-index.js';
import type { PurgeTarget } from './store.js';
import { pathLength } from './text-hash.js';

/** Finds what a purge removes, without a walk over all keys where it means one path or one tag. */
export class MemoryIndex {
  /** Keys with a digest, by the path in front of it. */
  readonly #digested = new KeyIndex();
  readonly #tags = new KeyIndex();

  /**
   * A key without a digest equals the prefix of its path, and is found without the index.
   * @param tags by {@link tagName}
   */
  link(key: string, tags: readonly string[]): void {
    const path = pathOf(key);
    if (path.length < key.length) this.#digested.add(path, key);
    for (const name of tags) this.#tags.add(name, key);
  }

  unlink(key: string, tags: readonly string[]): void {
    const path = pathOf(key);
    if (path.length < key.length) this.#digested.remove(path, key);
    for (const name of tags) this.#tags.remove(name, key);
  }

  /** @param all keys */
  targeted(target: PurgeTarget, all: () => Iterable<string>): readonly string[] {
    if ('key' in target) return [target.key];
    if ('tag' in target) return this.#tags.keys(tagName(target.api, target.tag));
    // Every unsafe request purges one path.
    const { prefix } = target;
    if (isOnePath(prefix)) return [prefix, ...this.#digested.keys(prefix)];
    return [...all()].filter((key) => key.startsWith(prefix));
  }
}

export const tagName = (api: string, tag: string): string => `${api}${tag}`;

/** Everything but the digest, which has no colon. */
const pathOf = (key: string): string => key.slice(0, pathLength(key));

/** Whether it is the common prefix of the keys of one path, not that of an API or of half a path. */
export function isOnePath(prefix: string): boolean {
  return prefix.endsWith(':') && prefix.length > prefix.indexOf('}:') + 2;
}
