const MAX_NAMES = 1000;
const MAX_LENGTH = 64;

/**
 * What a function makes of a name, remembered for the names that come again and again, as those of headers do: each
 * is then one look-up. Clients choose names: too many of them are forgotten together, and long ones never kept.
 */
export function rememberedByName<T>(of: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return function remembered(name): T {
    const before = known.get(name);
    if (before !== undefined) return before;
    const now = of(name);
    if (name.length > MAX_LENGTH) return now;
    if (known.size >= MAX_NAMES) known.clear();
    known.set(name, now);
    return now;
  };
}
