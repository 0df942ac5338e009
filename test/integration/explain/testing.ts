import { type Item, parseList, Token } from 'structured-headers';
import type { TargetResponse } from '../../support/client.js';
import { parseServerTiming, type TimingMetric } from '../../support/server-timing.js';

/** A member of a list of structured fields, with its parameters, tokens as plain text. */
export type Member = readonly [name: string, parameters: Record<string, unknown>];

/** The members of `Proxy-Status` or `Cache-Status`, as a library reads them. */
export function membersOf(response: TargetResponse, name: 'proxy-status' | 'cache-status'): Member[] {
  const lines = response.lines(name);
  if (lines.length === 0) return [];
  return (parseList(lines.join(', ')) as Item[]).map(([value, parameters]) => [
    textOf(value),
    Object.fromEntries(
      [...parameters].map(([key, item]) => [key, item instanceof Token ? String(item) : item]),
    ),
  ]);
}

const textOf = (value: unknown): string => (value instanceof Token ? value.toString() : String(value));

/** Our own member of `Proxy-Status`, which is the last. */
export function proxyStatusOf(response: TargetResponse): Member | undefined {
  return membersOf(response, 'proxy-status').at(-1);
}

/** The metrics of a response. */
export function timingsOf(response: TargetResponse): TimingMetric[] {
  const lines = response.lines('server-timing');
  return lines.length === 0 ? [] : parseServerTiming(lines);
}

/** The metrics of a response without their times, `name=description`. */
export function stepsOf(response: TargetResponse): string[] {
  return timingsOf(response).map(({ name, desc }) => (desc === undefined ? name : `${name}=${desc}`));
}
