// Another one in each process: nobody can choose texts that all have the same.
const SEED = Math.trunc(Math.random() * 0x7fffffff);

/** Where the readable part of a key ends: behind its last colon. */
export function pathLength(key: string): number {
  return key.lastIndexOf(':') + 1;
}

/** Hash of a part of a text, 32 bits; `before` is that of the part in front of it. */
export function hashText(text: string, start: number, end: number, before = SEED): number {
  let hash = before;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Spreads what differs in few bits over all of them (the finalizer of MurmurHash3). */
export function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** Hashes of keys, which are asked for several times in a row. */
export class KeyHashes {
  #key = '';
  #hash = hashKey('');

  of(key: string): number {
    if (key !== this.#key) {
      this.#hash = hashKey(key);
      this.#key = key;
    }
    return this.#hash;
  }
}

/** Hash of a whole key. */
export function hashKey(key: string): number {
  return mixed(hashText(key, 0, key.length));
}
