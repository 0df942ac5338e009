import type { IncomingMessage } from 'node:http';
import { ProxyError } from '../core/errors.js';
import type { LiveApi } from './live-api.js';

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/**
 * The API that the first segment of the path names. It is removed from the path, as Express removes a mount path.
 * @returns the error to respond with if there is no such API
 */
export function pickApi(apis: ReadonlyMap<string, LiveApi>, req: IncomingMessage): LiveApi | ProxyError {
  const { url = '/' } = req;
  const path = url.startsWith('/') ? url : url.replace(ABSOLUTE_FORM, '');
  // Searched by hand: a regular expression that splits the URL costs more than the rest of this function.
  let end = path.startsWith('/') ? 1 : 0;
  while (end > 0 && end < path.length && !endsSegment(path.charCodeAt(end))) end++;
  const name = path.slice(1, end);
  const api = apis.get(name);
  if (!api) {
    return new ProxyError(
      'ERR_UNKNOWN_API',
      `Unknown API: ${name.length > 80 ? `${name.slice(0, 77)}...` : name}`,
    );
  }
  const rest = path.slice(end);
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  return api;
}

/** `/`, `?` or `#`. */
const endsSegment = (code: number): boolean => code === 0x2f || code === 0x3f || code === 0x23;
