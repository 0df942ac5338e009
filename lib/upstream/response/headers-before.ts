import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { reasonOf } from '../../http/reason.js';

/** Status and headers of a client's response before an upstream's response is copied to it. */
export type HeadersBefore = Pick<ServerResponse, 'statusCode' | 'statusMessage'> & {
  readonly headers: OutgoingHttpHeaders;
};

/** Saves what other handlers have set on the response. */
export function headersBefore(res: ServerResponse): HeadersBefore {
  return { statusCode: res.statusCode, statusMessage: reasonOf(res), headers: res.getHeaders() };
}

/** Restores them: an error is sent instead of the copied response, without any of its headers. */
export function restoreHeaders(
  res: ServerResponse,
  { headers, statusCode, statusMessage }: HeadersBefore,
): void {
  const { sendDate } = res;
  for (const name of res.getHeaderNames()) {
    // Without it Node would send no Connection header at all; what httpxy has set there is right for this client.
    if (name !== 'connection') res.removeHeader(name);
  }
  // Removing Date has the same effect on it, and every response must have one (RFC 9110 §6.6.1).
  res.sendDate = sendDate;
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
  res.statusCode = statusCode;
  if (res.req.httpVersionMajor < 2) res.statusMessage = statusMessage;
}
