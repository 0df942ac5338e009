import { ServerResponse } from 'node:http';

/** Functions of ours that stand in place of a response's `writeHead`. */
const ours = new WeakSet<object>();

/**
 * Whether a response's `writeHead` takes a flat list of headers. That of on-headers before 1.1 does not, which is what
 * morgan, express-session, compression and Next.js may put in its place: it sends one letter as name, one as value.
 */
export function takesLists({ writeHead }: Pick<ServerResponse, 'writeHead'>): boolean {
  return writeHead === ServerResponse.prototype.writeHead || ours.has(writeHead);
}

/** Puts a function in place of a response's `writeHead`; it hands a list on where the one before takes lists. */
export function replaceWriteHead(res: ServerResponse, writeHead: ServerResponse['writeHead']): void {
  if (takesLists(res)) ours.add(writeHead);
  res.writeHead = writeHead;
}
