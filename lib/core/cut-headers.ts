import type { IncomingMessage } from 'node:http';

/** Names and values that Node's parser keeps of a head where a server sets no `maxHeadersCount`. */
const MOST_KEPT = 2000;

const CUT: unique symbol = Symbol('resilient-proxy-out.cut-headers');

interface Marked {
  [CUT]?: true;
}

/**
 * Marks a request of whose headers Node may have left some out. Nothing tells of that: those that frame the body or
 * say who the client is could be among them.
 */
export function markCutHeaders(req: IncomingMessage): void {
  const { httpVersionMajor, rawHeaders, socket } = req;
  const server: unknown = socket && Reflect.get(socket, 'server');
  if (typeof server !== 'object' || server === null || httpVersionMajor > 1) return;
  const count: unknown = Reflect.get(server, 'maxHeadersCount');
  const most = typeof count === 'number' ? count * 2 : MOST_KEPT;
  if (most > 0 && rawHeaders.length >= most) (req as Marked)[CUT] = true;
}

/** Whether headers of a request may be missing. */
export const headersAreCut = (req: IncomingMessage): boolean => (req as Marked)[CUT] === true;
