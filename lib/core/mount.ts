import type { IncomingMessage } from 'node:http';
import * as z from 'zod';

/** A path at which something is mounted. */
export const mountPath = z
  .string()
  .regex(/^\/[^?#*]*$/, 'must be a path that begins with "/", without "*" or a query');

/** A mount path without the slashes at its end; empty for the root. */
export function withoutEnd(path: string): string {
  // From where slashes begin, and not from each of them: a client may send thousands.
  return path.replace(/(?<!\/)\/+$/, '');
}

/** A request as frameworks of Connect's kind hand it on. */
interface MountedRequest extends IncomingMessage {
  /** Its URL before anything was removed. */
  readonly originalUrl?: unknown;
}

/**
 * What is left of a request's URL below a mount path, of which a framework may have removed a part, the path, or more.
 * @returns `undefined` for a request that is not below it
 */
export function urlBelow(req: MountedRequest, mount: string): string | undefined {
  const url = withoutOrigin(req.url);
  const removed = removedFrom(req);
  if (endsIn(removed, mount)) return url;
  if (isBelow(url, mount)) return restOf(url, mount);
  // A wildcard of Nest with Fastify takes the whole path off.
  const whole = removed === '' ? '' : String(req.originalUrl);
  return isBelow(removed, mount) ? restOf(whole, mount) : undefined;
}

/** Whether a framework has removed this path from the URL; Connect, Express and middie do. */
export function isRemoved(req: MountedRequest, mount: string): boolean {
  return endsIn(removedFrom(req), mount);
}

/** The path that a framework has removed in front of the URL; empty if it has removed none, or rewritten the URL. */
function removedFrom({ url = '/', originalUrl }: MountedRequest): string {
  if (typeof originalUrl !== 'string' || originalUrl === url) return '';
  const [whole = ''] = originalUrl.split('?', 1);
  const [rest = ''] = url.split('?', 1);
  if (whole.endsWith(rest)) return whole.slice(0, whole.length - rest.length);
  return rest === '/' ? withoutEnd(whole) : '';
}

const endsIn = (removed: string, mount: string): boolean =>
  removed.toLowerCase().endsWith(mount.toLowerCase());

function restOf(url: string, mount: string): string {
  const rest = url.slice(mount.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Matches whole segments in any letter case, as Express does. */
export function isBelow(url: string, mount: string): boolean {
  if (url.slice(0, mount.length).toLowerCase() !== mount.toLowerCase()) return false;
  const next = url.charAt(mount.length);
  return next === '' || next === '/' || next === '?' || next === '#';
}

/** A request line in absolute form names the same path (RFC 9112 §3.2.2). */
export function withoutOrigin(url = '/'): string {
  return url.startsWith('/') ? url : url.replace(ORIGIN, '');
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
