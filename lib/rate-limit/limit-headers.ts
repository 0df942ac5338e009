import type { ServerResponse } from 'node:http';
import { LIMIT_HEADERS } from '../http/advertised-limits.js';

/** Whether somebody nearer to the client has put limits of its own on the response. */
export function hasLimitHeaders(res: ServerResponse): boolean {
  for (const name of LIMIT_HEADERS) if (res.hasHeader(name)) return true;
  return false;
}

/** The headers of a response as they were sent. Those given to `writeHead()` are found nowhere else. */
export function sentHeaders(res: ServerResponse): string[] {
  const { _header: head } = res as { _header?: unknown };
  if (typeof head !== 'string') return [];
  const lines = head.split('\r\n').slice(1);
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}
