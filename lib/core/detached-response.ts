import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** A response whose bytes go nowhere: stages write to it as to any other, and a cache listens in. */
export class DetachedResponse extends ServerResponse {
  constructor(req: IncomingMessage) {
    super(req);
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    // A response asks of its socket only what a writable stream has; there is no connection behind it.
    this.assignSocket(sink as unknown as Socket);
    // Without a server nobody else closes a finished response.
    this.once('finish', () => sink.destroy());
  }
}
