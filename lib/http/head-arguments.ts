/** The arguments of `writeHead(status, text?, headers?)` after the status. */
export function headArguments(rest: readonly unknown[]): { text: string | undefined; headers: unknown } {
  const [first, second] = rest;
  return typeof first === 'string'
    ? { text: first, headers: second }
    : { text: undefined, headers: second ?? first };
}

/** The headers passed to `writeHead`, in any of the forms Node accepts, as a flat list. */
export function flatHeaders(headers: unknown): readonly string[] {
  if (typeof headers !== 'object' || headers === null) return [];
  // As forward() passes them.
  if (Array.isArray(headers) && headers.every(isString)) return headers;
  if (!Array.isArray(headers))
    return Object.entries(headers).flatMap(([name, value]) => linesOf(name, value));
  if (Array.isArray(headers[0]))
    return headers.flatMap(([name, value]: [unknown, unknown]) => linesOf(String(name), value));
  const flat: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) flat.push(...linesOf(String(headers[i]), headers[i + 1]));
  return flat;
}

const isString = (item: unknown): item is string => typeof item === 'string';

/** The lines of one header as a flat list, whatever form its value has. */
export function linesOf(name: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return [name, String(value)];
  return value.flatMap((line) => [name, String(line)]);
}
