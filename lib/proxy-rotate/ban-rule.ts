import * as z from 'zod';
import type { HeldBody, ResponseHead } from '../core/attempt.js';
import { functionOption, headerName, optionsObject } from '../core/options.js';
import { readText } from '../http/decoded-body.js';
import { type FailureWhen, failureWhenSchema, isFailureByBody } from '../http/failure-when.js';
import { headerValue, joinedHeaders } from '../http/headers.js';
import { isStreamType } from '../http/stream-types.js';

/** What a function given as `banWhen` gets. */
export interface BanHead {
  readonly status: number;
  /** By lower-case name; several values of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What marks a response as a ban of the proxy that it came through. */
export interface BanConditions {
  /** Any of these statuses, from 200 to 599. */
  status?: readonly number[] | undefined;
  /** A header with this text in its value, in any case; an empty text is any value. */
  header?: Record<string, string> | undefined;
  /** A redirect to a URL with any of these texts in it, as `/captcha`. */
  location?: readonly string[] | undefined;
  /** A JSON Pointer, as `/blocked`: something is found there in the body, or what `equals` says. */
  json?: string | undefined;
  /**
   * What `json` finds in a ban.
   * @default anything but null, false, 0 and what is empty
   */
  equals?: string | number | boolean | null | undefined;
  /**
   * Any of these texts in the body, in any case: a page with a captcha comes with 200. The first 64 KiB of a body that
   * is text or JSON are held back until they are read; of another, and of a stream, nothing is.
   */
  text?: readonly string[] | undefined;
  /** Decides by the text of the body, of which it gets as much as `text` looks at. */
  body?: ((text: string, head: BanHead) => boolean) | undefined;
}

/** Conditions, or a function that decides by the head. */
export type BanRule = BanConditions | ((head: BanHead) => boolean);

/** Whether a response may be a ban. */
export interface IsBan {
  (head: ResponseHead, body?: HeldBody): boolean;
  /** Whether its body has to be seen first; `undefined` if none is looked at. */
  readonly wantsBody?: (head: ResponseHead) => boolean;
}

const conditions = {
  status: z.array(z.number().int().min(200).max(599)).optional(),
  header: z.record(headerName, z.string()).optional(),
  location: z.array(z.string().min(1)).optional(),
  json: failureWhenSchema.shape.json.optional(),
  equals: failureWhenSchema.shape.equals,
  text: z.array(z.string().min(1)).optional(),
};

const EQUALS_NEEDS = { message: 'needs json, which says where', path: ['equals'] };
const isWhole = ({ json, equals }: { json?: unknown; equals?: unknown }) =>
  equals === undefined || json !== undefined;

/** What a configuration file can say. */
export const banConditions = optionsObject(conditions).refine(isWhole, EQUALS_NEEDS);

/** The promise of an async function would be a ban, whatever it is for. */
const IS_SYNC = 'must not be async: whether it is a ban is needed at once';
const isSync = (value: unknown) => Object.prototype.toString.call(value) !== '[object AsyncFunction]';

const inCode = optionsObject({
  ...conditions,
  body: functionOption<NonNullable<BanConditions['body']>>().refine(isSync, IS_SYNC).optional(),
}).refine(isWhole, EQUALS_NEEDS);

export const banRule = z
  .union([z.custom<(head: BanHead) => boolean>((value) => typeof value === 'function'), inCode], {
    error: 'must be { status, header, location, json, text } or a function',
  })
  .refine(isSync, IS_SYNC);

export function isBanBy(rule: BanRule): IsBan {
  if (typeof rule === 'function') return (head) => rule({ status: head.status, headers: headersOf(head) });
  const byHead = isBanByHead(rule);
  const byBody = isBanByBody(rule);
  if (!byBody) return byHead;
  return Object.assign(
    (head: ResponseHead, body?: HeldBody) => byHead(head) || (body !== undefined && byBody(head, body)),
    { wantsBody: (head: ResponseHead) => isText(head) && !byHead(head) },
  );
}

function isBanByHead(rule: BanConditions): (head: ResponseHead) => boolean {
  const status = new Set(rule.status);
  const header = Object.entries(rule.header ?? {}).map(([name, text]) => [name, text.toLowerCase()] as const);
  const location = rule.location ?? [];
  const looksAtHeaders = header.length > 0 || location.length > 0;
  return (head) => {
    if (status.has(head.status)) return true;
    if (!looksAtHeaders) return false;
    const headers = headersOf(head);
    if (header.some(([name, text]) => headers[name.toLowerCase()]?.toLowerCase().includes(text))) return true;
    const to = head.status >= 300 && head.status < 400 ? headers.location : undefined;
    return to !== undefined && location.some((text) => to.includes(text));
  };
}

function isBanByBody(rule: BanConditions): ((head: ResponseHead, held: HeldBody) => boolean) | undefined {
  const { json, equals, body } = rule;
  const texts = rule.text?.map((text) => text.toLowerCase()) ?? [];
  const failure: FailureWhen | undefined = json === undefined ? undefined : { json, equals };
  if (!failure && !body && texts.length === 0) return undefined;
  return (head, { bytes, complete }) => {
    const { rawHeaders, status } = head;
    if (failure && complete && isFailureByBody(failure, rawHeaders, bytes)) return true;
    if (!body && texts.length === 0) return false;
    const text = readText(rawHeaders, bytes);
    if (text === undefined) return false;
    const lower = texts.length > 0 ? text.toLowerCase() : '';
    if (texts.some((wanted) => lower.includes(wanted))) return true;
    return body?.(text, { status, headers: headersOf(head) }) ?? false;
  };
}

/** A body without a type may be one. */
function isText({ rawHeaders }: ResponseHead): boolean {
  const type = headerValue(rawHeaders, 'content-type');
  if (type === undefined) return true;
  return /^text\/|[/+](?:json|xml)\b|javascript/i.test(type) && !isStreamType(type);
}

function headersOf({ rawHeaders }: ResponseHead): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(joinedHeaders(rawHeaders)))
    headers[name] = [value].flat().join(', ');
  return headers;
}
