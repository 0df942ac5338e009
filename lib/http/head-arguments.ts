/** The arguments of `writeHead(status, text?, fields?)` sorted. */
export function headArguments(rest: readonly unknown[]): { text: string | undefined; fields: unknown } {
  const [first, second] = rest;
  return typeof first === 'string'
    ? { text: first, fields: second }
    : { text: undefined, fields: second ?? first };
}

/** The fields given to `writeHead`, in any of the forms Node takes, as a flat list. */
export function flatFields(fields: unknown): readonly string[] {
  if (typeof fields !== 'object' || fields === null) return [];
  // As forward() gives them.
  if (Array.isArray(fields) && fields.every((item) => typeof item === 'string')) return fields;
  if (!Array.isArray(fields)) return Object.entries(fields).flatMap(([name, value]) => linesOf(name, value));
  if (Array.isArray(fields[0]))
    return fields.flatMap(([name, value]: [unknown, unknown]) => linesOf(String(name), value));
  const flat: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) flat.push(...linesOf(String(fields[i]), fields[i + 1]));
  return flat;
}

/** The lines of one field, flat, whatever form its value has. */
export function linesOf(name: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return [name, String(value)];
  return value.flatMap((line) => [name, String(line)]);
}
