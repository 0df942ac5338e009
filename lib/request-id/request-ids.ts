import type { IncomingMessage } from 'node:http';
import { type RequestIdOptions, type ResolvedRequestId, resolveRequestId } from './request-id-options.js';
import { UuidV7 } from './uuid-v7.js';

/** What stands in a log, a URL, a shell and a page as it is. */
const USABLE = /^[A-Za-z0-9._:+/=-]{1,128}$/;

/** The client's `X-Request-Id`, if it can be used. */
export function givenRequestId(req: IncomingMessage): string | undefined {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && USABLE.test(given) ? given : undefined;
}

/** Takes or makes the ids of requests. */
export class RequestIds {
  readonly #accept: boolean;
  readonly #made = new UuidV7();

  constructor({ accept }: ResolvedRequestId) {
    this.#accept = accept;
  }

  of(req: IncomingMessage): string {
    return (this.#accept ? givenRequestId(req) : undefined) ?? this.#made.next();
  }
}

/** By an option that turns them on, off, or configures them. */
export function requestIdsOf(option: boolean | RequestIdOptions = false): RequestIds | undefined {
  if (option === false) return undefined;
  return new RequestIds(resolveRequestId(option === true ? {} : option));
}
