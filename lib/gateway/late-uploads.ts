import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyPace, watchPace } from '../core/body-pace.js';
import { announcesBody } from '../core/exchange.js';

/** What a client must send at least of a body whose request has its response. */
export interface LateUploadLimits {
  /** Bytes per second. */
  readonly minBodyRate: number;
  readonly graceMs: number;
}

/**
 * Listens for requests and ends the connections of clients that have their response and go on sending the body too slowly.
 * No call waits for it any more, and so no limit of a call ends it; Node's server waits for it as long as it flows.
 */
export function limitLateUploads(
  limits: LateUploadLimits,
): (req: IncomingMessage, res: ServerResponse) => void {
  function responded(this: ServerResponse): void {
    const { req } = this;
    if (req.complete) return;
    const { socket } = req;
    const before = socket.bytesRead;
    const pace = new BodyPace(limits.minBodyRate, limits.graceMs);
    const watch = watchPace(
      pace,
      () => socket.bytesRead - before,
      () => socket.destroy(),
    );
    req.once('close', watch.end);
  }

  return function limitLateUpload(req, res) {
    if (announcesBody(req)) res.once('finish', responded);
  };
}
