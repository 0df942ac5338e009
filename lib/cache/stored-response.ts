import type { ServerResponse } from 'node:http';
import { writeHead } from '../http/write-head.js';
import { ageValue } from './cache-status.js';
import { isNotModified, notModifiedHeaders } from './policy/conditional.js';
import { isConditional } from './policy/conditional-request.js';
import type { RawHeaders } from './policy/headers.js';
import { rangeResponse } from './policy/range.js';
import type { StoredVariant } from './store/entry.js';

/** The parts of a client's request that a response from the store depends on. */
export interface RequestHead {
  readonly method: string;
  readonly rawHeaders: RawHeaders;
}

/** Headers that a response from the store adds to those the application has set, rather than replacing them. */
const ADDED: ReadonlySet<string> = new Set(['cache-status', 'set-cookie', 'vary', 'via']);

/**
 * Sends a response from the store: whole, as 304 where the client has it already, or the requested range.
 * @param cacheStatus value of `Cache-Status`; `undefined` sends none
 */
export function sendStored(
  res: ServerResponse,
  request: RequestHead,
  variant: StoredVariant,
  now: number,
  cacheStatus: string | undefined,
): void {
  const { meta } = variant;
  const age = ageValue(meta.bornAt, now);
  if (!isConditional(request.rawHeaders)) {
    writeStoredHead(res, meta.status, meta.statusText, meta.rawHeaders, age, cacheStatus);
    if (request.method === 'HEAD' || meta.bodyLength === 0) res.end();
    else sendBody(res, variant);
    return;
  }
  if (isNotModified(meta, request.rawHeaders, now)) {
    writeStoredHead(res, 304, 'Not Modified', notModifiedHeaders(meta.rawHeaders), age, cacheStatus);
    res.end();
    return;
  }
  const head = request.method === 'HEAD';
  const part = head ? undefined : rangeResponse(meta, request.rawHeaders, now);
  if (part?.status === 416) {
    writeStoredHead(res, 416, 'Range Not Satisfiable', part.rawHeaders, undefined, cacheStatus);
    res.end();
    return;
  }
  if (part) {
    writeStoredHead(res, 206, 'Partial Content', part.rawHeaders, age, cacheStatus);
    sendBody(res, variant, part.start, part.end);
    return;
  }
  writeStoredHead(res, meta.status, meta.statusText, meta.rawHeaders, age, cacheStatus);
  if (head || meta.bodyLength === 0) res.end();
  else sendBody(res, variant);
}

/** Writes a head from the store. It is sent with the first bytes of the body. */
export function writeStoredHead(
  res: ServerResponse,
  status: number,
  statusText: string,
  rawHeaders: RawHeaders,
  age: string | undefined,
  cacheStatus: string | undefined,
): void {
  const headers = rawHeaders.slice();
  if (age !== undefined) headers.push('Age', age);
  if (cacheStatus !== undefined) headers.push('Cache-Status', cacheStatus);
  writeHead(res, status, statusText, headers, ADDED);
}

function sendBody(res: ServerResponse, variant: StoredVariant, start?: number, end?: number): void {
  const { text } = variant;
  if (text !== undefined) res.end(start === undefined ? text : text.slice(start, end), 'latin1');
  else res.end(start === undefined ? variant.body : variant.body.subarray(start, end));
}
