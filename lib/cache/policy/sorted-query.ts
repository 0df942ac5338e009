import { unescape as percentDecoded } from 'node:querystring';

/**
 * A query with its parameters sorted by name; those with equal names keep their order. Names that some server could
 * treat as equal count as equal: `%61` and `a`, `A` and `a`, `a`, `a[]` and `a[0]`.
 */
export function sortedQuery(query: string): string {
  if (!query.includes('&')) return query;
  return query
    .split('&')
    .map((parameter) => ({ parameter, name: comparedName(parameter) }))
    .sort((one, other) => compareText(one.name, other.name))
    .map(({ parameter }) => parameter)
    .join('&');
}

function comparedName(parameter: string): string {
  const equals = parameter.indexOf('=');
  let name = equals < 0 ? parameter : parameter.slice(0, equals);
  if (name.includes('+')) name = name.replaceAll('+', ' ');
  if (name.includes('%')) name = percentDecoded(name);
  const bracket = name.indexOf('[');
  return (bracket > 0 ? name.slice(0, bracket) : name).trim().toLowerCase();
}

/** Compares by code units: the order of a locale may differ between machines that share a store. */
export function compareText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
