import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What a client's response holds of an answer, taken before one is copied to it. */
export type HeadersBefore = Pick<ServerResponse, 'statusCode' | 'statusMessage'> & {
  readonly headers: OutgoingHttpHeaders;
};

/** Remembers what was put on a response in front of us. */
export function headersBefore(res: ServerResponse): HeadersBefore {
  const { statusCode, statusMessage } = res;
  return { statusCode, statusMessage, headers: res.getHeaders() };
}

/** An error is answered in place of this answer: none of its fields may go with it. */
export function restoreHeaders(res: ServerResponse, { headers, ...status }: HeadersBefore): void {
  const { sendDate } = res;
  for (const name of res.getHeaderNames()) {
    // Node takes it for a wish to send none at all; what httpxy has set there is the client's own.
    if (name !== 'connection') res.removeHeader(name);
  }
  // Likewise of a Date, which every answer must have (RFC 9110 §6.6.1).
  res.sendDate = sendDate;
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
  Object.assign(res, status);
}
