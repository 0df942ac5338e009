import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { Handler } from '../../lib/core/exchange.js';

/** A response as it was written. */
export interface Injected {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Sends a request to a handler without a socket, for tests that make very many. */
export function inject(
  handler: Handler,
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<Injected> {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method, url, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 });
  req.rawHeaders = Object.entries(headers).flat();
  req.headers = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  req.push(null);
  req.complete = true;
  const res = new ServerResponse(req);
  const chunks: Buffer[] = [];
  const sink = new Writable({ write: (chunk, _encoding, done) => done(void chunks.push(chunk)) });
  // A response uses of its socket only what a writable stream has.
  res.assignSocket(sink as unknown as Socket);
  return new Promise((resolve, reject) => {
    res.once('finish', () => {
      // The last bytes may still be on their way to the sink.
      sink.end(() => resolve(parsed(Buffer.concat(chunks).toString('latin1'))));
    });
    res.once('close', () => reject(new Error('The response was destroyed')));
    handler(req, res, (error) => {
      res.statusCode = error === undefined ? 404 : 502;
      res.end();
    });
  });
}

function parsed(raw: string): Injected {
  const end = raw.indexOf('\r\n\r\n');
  const [line = '', ...lines] = raw.slice(0, end).split('\r\n');
  const headers = lines.map((text) => [text.split(':', 1)[0]?.toLowerCase(), text.replace(/^[^:]*: ?/, '')]);
  return {
    status: Number(line.split(' ')[1]),
    headers: Object.fromEntries(headers),
    text: raw.slice(end + 4),
  };
}
