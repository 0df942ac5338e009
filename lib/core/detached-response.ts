import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** A response whose bytes are discarded: stages write to it as to any other, and a cache reads along. */
export class DetachedResponse extends ServerResponse {
  constructor(req: IncomingMessage) {
    super(req);
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    // A response uses of its socket only what a writable stream has; there is no connection behind it.
    this.assignSocket(sink as unknown as Socket);
    // A server closes finished responses; there is none here.
    this.once('finish', () => sink.destroy());
  }
}
