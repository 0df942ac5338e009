import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What a client's response holds of an answer, taken before one is copied to it. */
export type FieldsBefore = Pick<ServerResponse, 'statusCode' | 'statusMessage'> & {
  readonly fields: OutgoingHttpHeaders;
};

/** Remembers what was put on a response in front of us. */
export function fieldsBefore(res: ServerResponse): FieldsBefore {
  const { statusCode, statusMessage } = res;
  return { statusCode, statusMessage, fields: res.getHeaders() };
}

/** An error is answered in place of this answer: none of its fields may go with it. */
export function restoreFields(res: ServerResponse, { fields, ...status }: FieldsBefore): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) res.setHeader(name, value);
  Object.assign(res, status);
}
