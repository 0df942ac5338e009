import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Limit } from '../core/attempt.js';
import type { EgressPolicy } from '../core/egress.js';
import { ProxyError } from '../core/errors.js';
import { announcesBody, Exchange, type Handler } from '../core/exchange.js';
import type { Upgrade } from '../core/upgrade.js';
import type { OpenSockets } from './open-sockets.js';
import { NO_WEBSOCKET, refuseUpgrade } from './refuse-upgrade.js';
import { serverOf } from './serve-without-upgrade.js';

/** The way that a WebSocket must go, and who hears how it went. */
export type UpgradeEgress = EgressPolicy & Limit;

/** Takes an upgrade over: a listener for a server's `upgrade` event. */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

const TAKEN: unique symbol = Symbol('resilient-proxy-out.upgrade');
const PASSED: unique symbol = Symbol('resilient-proxy-out.upgrade-passed');

/** A request that a server hands to all who listen for upgrades. */
type Marked = IncomingMessage & { [TAKEN]?: boolean; [PASSED]?: number };

/** Whether nobody of ours has taken this upgrade yet. */
export function takeUpgrade(req: Marked): boolean {
  if (req[TAKEN]) return false;
  req[TAKEN] = true;
  return true;
}

/** Gives an upgrade back, for others who listen. */
export function returnUpgrade(req: Marked): void {
  req[TAKEN] = false;
}

/**
 * Passes an upgrade by that is for nobody here.
 * @returns whether all have who listen: then nobody else answers, and its client would wait for ever
 */
export function passUpgradeBy(req: Marked, socket: Duplex): boolean {
  const passed = (req[PASSED] ?? 0) + 1;
  req[PASSED] = passed;
  return passed >= (serverOf(socket)?.listenerCount('upgrade') ?? 1);
}

/** Leaves an upgrade that was begun to the server's other listeners, or refuses it where there are none. */
export function leaveUpgrade({ req, upgrade }: Exchange): void {
  if (!upgrade) return;
  upgrade.giveBack();
  if (passUpgradeBy(req, upgrade.socket)) refuseUpgrade(upgrade.socket, NO_WEBSOCKET);
  else returnUpgrade(req);
}

/** Whether a message that offers an upgrade, or confirms one, means a WebSocket. */
export function meansWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return /(?:^|[,\s])websocket(?:$|[,\s])/i.test(headers.upgrade ?? '');
}

/** Sixteen bytes in base64 (RFC 6455 §4.1). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Says why a request is no handshake of a WebSocket (RFC 6455 §4.2.1); its version is for the target to judge. */
export function handshakeProblem(req: IncomingMessage): ProxyError | undefined {
  const { method, httpVersionMajor, httpVersionMinor, headers } = req;
  const problem = (message: string) => new ProxyError('ERR_BAD_REQUEST', message);
  if (!meansWebSocket(req)) return problem('Only upgrades to WebSocket are served here');
  if (method !== 'GET') return problem('A WebSocket begins with a GET');
  if (httpVersionMajor === 1 && httpVersionMinor < 1) return problem('A WebSocket needs HTTP/1.1');
  // What is behind the head would be a body to one side and frames to the other.
  if (announcesBody(req)) return problem('The handshake of a WebSocket has no body');
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    return problem('Sec-WebSocket-Key must be there once, with 16 bytes in base64');
  }
  return undefined;
}

/** A stage that refuses what is no handshake, before it costs anything. */
export const checkHandshake: Handler = function checkHandshake(req, _res, next) {
  next(handshakeProblem(req));
};

/**
 * Begins the exchange of an upgrade. Its response is written to the connection, so that every stage can refuse it as
 * it refuses a call; the connection is closed behind such an answer.
 * @returns `undefined` where the connection is gone, or still carries the answer to an earlier request
 */
export function beginUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  sockets: OpenSockets,
): Exchange | undefined {
  // Node listens no more, and an error that nobody hears would end the process.
  socket.on('error', () => {});
  if (socket.destroyed || socket.writableEnded) return undefined;
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  try {
    // Node's types ask for a Socket as its server has one; a response needs what every stream has.
    res.assignSocket(socket as Socket);
  } catch {
    socket.destroy();
    return undefined;
  }
  if (socket instanceof Socket) socket.setTimeout(0);
  // Always anew: one that another listener has given back is over.
  const exchange = new Exchange(req, res);
  exchange.upgrade = new Handshake(res, socket, head, sockets);
  return exchange;
}

/** What a client may send before it has an answer; one that sends more waits. */
const MAX_EARLY_BYTES = 64 * 1024;

/** The connection of a client until the head of its answer is out. */
class Handshake implements Upgrade {
  readonly socket: Duplex;
  readonly sockets: OpenSockets;
  readonly #res: ServerResponse;
  readonly #early: Buffer[];
  #earlyBytes: number;
  #start: ((early: Buffer) => void) | undefined;
  #over = false;

  constructor(res: ServerResponse, socket: Duplex, head: Buffer, sockets: OpenSockets) {
    this.#res = res;
    this.socket = socket;
    this.sockets = sockets;
    this.#early = [head];
    this.#earlyBytes = head.length;
    res.once('finish', () => this.#finish());
    // Later, so that a connection that is given back at once is as it was.
    process.nextTick(() => this.#watch());
  }

  switchOver(start: (early: Buffer) => void): void {
    this.#start = start;
  }

  giveBack(): void {
    this.#release();
  }

  /** Only who reads hears that a client has gone. */
  #watch(): void {
    if (this.#over) return;
    this.socket.on('data', this.#keep).on('end', this.#gone).on('drain', this.#drained);
  }

  readonly #keep = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES) this.socket.pause();
  };

  readonly #gone = (): void => {
    this.socket.destroy();
  };

  // A server tells its responses when they may go on; this one has none.
  readonly #drained = (): void => {
    this.#res.emit('drain');
  };

  #finish(): void {
    const { socket } = this;
    this.#release();
    if (this.#start) this.#start(Buffer.concat(this.#early));
    // A server's connection stays half open for as long as its client likes.
    else socket.resume().end(() => socket.destroy());
  }

  #release(): void {
    if (this.#over) return;
    this.#over = true;
    this.socket.off('data', this.#keep).off('end', this.#gone).off('drain', this.#drained);
    if (this.#res.socket) this.#res.detachSocket(this.#res.socket);
    // A server tells a response that it is over; here nobody else does.
    this.#res.emit('close');
  }
}
