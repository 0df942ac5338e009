import type { IncomingMessage } from 'node:http';
import { ProxyError } from '../core/errors.js';

/** The default of `stickyKey`. */
export const clientAddress = (req: IncomingMessage): string => req.socket?.remoteAddress ?? '';

/** A promise as text would be one key for all calls. */
export function stickyText(key: unknown): string {
  if (typeof key !== 'object' || key === null || !('then' in key)) return String(key);
  if (key instanceof Promise) key.catch(() => {});
  throw new ProxyError('ERR_INTERNAL', 'proxyRotate.stickyKey returned a promise; it must return a string');
}
