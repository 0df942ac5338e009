import type { IncomingMessage } from 'node:http';
import { withoutOrigin } from '../core/mount.js';
import type { LiveApi } from './live-api.js';

/**
 * The API that the first segment of the path names. It is removed from the path, as Express removes a mount path.
 * @returns `undefined` if there is no such API
 */
export function pickApi(apis: ReadonlyMap<string, LiveApi>, req: IncomingMessage): LiveApi | undefined {
  const path = withoutOrigin(req.url);
  // Searched by hand: a regular expression that splits the URL costs more than the rest of this function.
  let end = path.startsWith('/') ? 1 : 0;
  while (end > 0 && end < path.length && !endsSegment(path.charCodeAt(end))) end++;
  const api = apis.get(path.slice(1, end));
  if (!api) return undefined;
  const rest = path.slice(end);
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  return api;
}

/** `/`, `?` or `#`. */
const endsSegment = (code: number): boolean => code === 0x2f || code === 0x3f || code === 0x23;
