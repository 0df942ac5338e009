const MAX_NAMES = 1000;
const MAX_LENGTH = 64;
const SLOTS = 1024;

/**
 * What a function makes of a name, remembered for the names that come again and again, as those of headers do. Clients
 * choose names: too many of them are forgotten together, and long ones never kept.
 */
export function rememberedByName<T>(of: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  // In front of the map, since each request brings new strings, and to hash each costs more than to compare it.
  // Not before there is a name: each API has such functions, and many APIs are never called.
  let names: string[] | undefined;
  let results: (T | undefined)[] = [];

  function lookUp(name: string): T {
    const before = known.get(name);
    if (before !== undefined) return before;
    const result = of(name);
    if (known.size >= MAX_NAMES) known.clear();
    known.set(name, result);
    return result;
  }

  return function remembered(name): T {
    const { length } = name;
    if (length > MAX_LENGTH) return of(name);
    const slot =
      (length * 7 +
        name.charCodeAt(0) * 31 +
        name.charCodeAt(length >> 1) * 17 +
        name.charCodeAt(length - 1)) &
      (SLOTS - 1);
    if (!names) {
      names = new Array<string>(SLOTS).fill('');
      results = new Array<T | undefined>(SLOTS).fill(undefined);
    }
    const before = results[slot];
    if (before !== undefined && names[slot] === name) return before;
    const result = lookUp(name);
    names[slot] = name;
    results[slot] = result;
    return result;
  };
}
