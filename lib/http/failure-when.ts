import * as z from 'zod';
import { optionsObject } from '../core/options.js';
import { decodedBody } from './decoded-body.js';
import { headerValue } from './headers.js';

/** What a body says where the response is a failure whatever its status, as in GraphQL. */
export interface FailureWhen {
  /** A JSON Pointer (RFC 6901), as `/errors`. */
  json: string;
  /**
   * What is found there in a failure.
   * @default anything but null, false, 0 and what is empty
   */
  equals?: string | number | boolean | null | undefined;
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'must be a text, a number, a boolean or null',
});

export const failureWhenSchema = optionsObject({
  json: z.string().regex(/^(?:\/(?:[^~]|~[01])*)*$/, 'must be a JSON Pointer, as /errors'),
  equals: scalar.optional(),
});

/** Bodies beyond this are not looked at. */
export const MAX_JUDGED_BYTES = 64 * 1024;

/** Whether a response is a failure by its body. One that cannot be read, or is not JSON, is none. */
export function isFailureByBody(
  { json, equals }: Readonly<FailureWhen>,
  rawHeaders: readonly string[],
  body: Uint8Array,
): boolean {
  if (body.length > MAX_JUDGED_BYTES || !isJson(rawHeaders)) return false;
  let found: unknown;
  try {
    found = valueAt(JSON.parse(decodedBody(rawHeaders, body).toString().replace(BOM, '')), json);
  } catch {
    return false;
  }
  return equals === undefined ? saysSomething(found) : found === equals;
}

/** What .NET writes in front of UTF-8, and `JSON.parse` does not take. */
export const BOM = /^\ufeff/;

/** Whether a response is JSON. */
export function isJson(rawHeaders: readonly string[]): boolean {
  return /[/+]json\b/i.test(headerValue(rawHeaders, 'content-type') ?? '');
}

/** What is at a JSON Pointer; `undefined` if nothing is. */
export function valueAt(value: unknown, pointer: string): unknown {
  let found = value;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

function saysSomething(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Boolean(value);
  return Object.keys(value).length > 0;
}
