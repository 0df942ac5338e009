import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { shuttingDown } from '../core/errors.js';
import type { Machine } from '../core/machine.js';
import { sendError } from '../core/send-error.js';
import { TunnelEnd, type TunnelMessage } from './tunnel-end.js';

export const TUNNEL = 'tunnel';

/** Headers of one connection, not of the message. */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection']);

/**
 * Has the primary respond to the requests for admin routes that reach a worker: there is one set of pages and figures.
 * They go through the channel between the two, so that there is no port or file which others could reach.
 */
export class AdminTunnel {
  readonly #machine: Machine;
  readonly #ends = new Map<number, TunnelEnd>();
  readonly #streams = new Set<ServerResponse>();
  #number = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.handle(TUNNEL, (message) => {
      const [tunnel, step, data] = message as TunnelMessage;
      this.#ends.get(tunnel)?.receive(step, data);
    });
  }

  /** Passes a request on. */
  handle(req: IncomingMessage, res: ServerResponse): void {
    const onward = request({
      method: req.method ?? 'GET',
      path: req.url ?? '/',
      headers: ofMessage(req.rawHeaders),
      setHost: false,
      createConnection: () => this.#open(req.socket.remoteAddress),
    });
    onward.on('response', (response) => this.#relay(response, res));
    onward.on('error', () => {
      if (res.headersSent) res.destroy();
      else sendError(req, res, shuttingDown('The primary process of the gateway does not respond'));
    });
    res.once('close', () => onward.destroy());
    req.pipe(onward);
  }

  /** Ends the live streams of pages. */
  close(): void {
    for (const res of this.#streams) res.end();
  }

  #relay(response: IncomingMessage, res: ServerResponse): void {
    res.sendDate = false;
    res.writeHead(response.statusCode ?? 502, response.statusMessage, ofMessage(response.rawHeaders));
    if (response.headers['content-type']?.startsWith('text/event-stream')) {
      res.flushHeaders();
      this.#streams.add(res);
      res.once('close', () => this.#streams.delete(res));
    }
    response.once('error', () => res.destroy());
    response.pipe(res);
  }

  #open(client: string | undefined): TunnelEnd {
    const tunnel = ++this.#number;
    const end = new TunnelEnd((step, data) => this.#machine.tell(TUNNEL, [tunnel, step, data]));
    this.#ends.set(tunnel, end);
    end.once('close', () => this.#ends.delete(tunnel));
    this.#machine.tell(TUNNEL, [tunnel, 'open', client]);
    return end;
  }
}

function ofMessage(raw: readonly string[]): string[] {
  return raw.filter((_text, at) => !OF_CONNECTION.has(raw[at - (at % 2)]?.toLowerCase() ?? ''));
}
