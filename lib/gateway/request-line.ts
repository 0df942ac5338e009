import type { IncomingMessage, ServerResponse } from 'node:http';

const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

/** Whether a request names its host in its first line, as one to a proxy does. */
export const isAbsolute = (url: string): boolean => ABSOLUTE_FORM.test(url);

/** Path and query of a request, in whichever form they came. */
export function originOf(url: string): string {
  const path = url.replace(ABSOLUTE_FORM, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/** A header that comes once; `undefined` for any other. */
export function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Node counts the requests of a connection, and would leave it to the client to close it. */
export const isLastOfItsConnection = (res: ServerResponse): boolean =>
  Reflect.get(res, 'maxRequestsOnConnectionReached') === true;
