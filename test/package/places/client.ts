import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, constants } from 'node:http2';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { onCleanup } from '../../support/cleanup.js';

export interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A response whose body is still to be read. */
export interface Open {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** Breaks it off. */
  leave(): void;
}

/** Sends requests to one server. */
export type Client = (path: string, sent?: Sent) => Promise<Open>;

/** By HTTP/1.1, each request on a connection of its own. */
export const http1 = (url: string): Client => {
  return (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const req = request(url + path, { method, headers, agent: false }, (res) => {
        res.on('error', () => {});
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: res, leave: () => req.destroy() });
      });
      req.on('error', reject);
      onCleanup(() => req.destroy());
      req.end(body);
    });
};

/** By HTTP/2, all requests on one connection. */
export function http2(url: string, ca: string): Client {
  const session = connect(url, { ca });
  session.on('error', () => {});
  onCleanup(() => session.destroy());
  return (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, ':method': method, ...headers });
      stream.on('error', reject);
      stream.on('response', ({ ':status': status = 0, ...received }) => {
        resolve({
          status,
          headers: received as IncomingHttpHeaders,
          body: stream,
          leave: () => stream.close(constants.NGHTTP2_CANCEL),
        });
      });
      stream.end(body);
    });
}

/** A response read to its end. */
export async function whole(
  opening: Promise<Open>,
): Promise<Omit<Open, 'body' | 'leave'> & { text: string }> {
  const { status, headers, body } = await opening;
  return { status, headers, text: await text(body) };
}
