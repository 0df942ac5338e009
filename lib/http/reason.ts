import type { ServerResponse } from 'node:http';

/** The reason phrase that was set on a response. HTTP/2 has none, and Node warns of each who asks for it. */
export function reasonOf(res: ServerResponse): string {
  return res.req.httpVersionMajor >= 2 ? '' : res.statusMessage;
}
