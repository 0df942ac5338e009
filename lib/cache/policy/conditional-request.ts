import type { IncomingMessage } from 'node:http';
import { isHeader } from '../../http/headers.js';
import { CLIENT_CONDITIONS } from './conditional.js';
import type { RawHeaders } from './headers.js';

/**
 * Replaces the headers of a request, in both forms Node provides.
 * @returns restores its own
 */
export function replaceHeaders(req: IncomingMessage, lines: RawHeaders): () => void {
  const { rawHeaders, headers } = req;
  const replaced = { ...headers };
  for (const name of CLIENT_CONDITIONS) delete replaced[name];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = (lines[i] ?? '').toLowerCase();
    if (CLIENT_CONDITIONS.has(name)) replaced[name] = lines[i + 1];
  }
  req.rawHeaders = [...lines];
  req.headers = replaced;
  return () => {
    req.rawHeaders = rawHeaders;
    req.headers = headers;
  };
}

const HYPHEN = 0x2d;

/** Whether a request has a condition or a range of its own: its response is hardly of use to others. */
export function isConditional(rawHeaders: RawHeaders): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    // `range`, or one of the `if-` headers, whose third character tells them from nearly all others.
    if (
      name.length === 5
        ? isHeader(name, 'range')
        : name.length >= 8 && name.charCodeAt(2) === HYPHEN && /^if-/i.test(name)
    )
      return true;
  }
  return false;
}
