import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import type { EgressPolicy } from '../core/egress.js';
import { ProxyError } from '../core/errors.js';
import type { Limit } from '../core/exchange.js';
import { announcesBody, Exchange, type Handler, knownExchange } from '../core/exchange.js';
import type { CutListener, Upgrade } from '../core/upgrade.js';
import { OfferBody } from './offer-body.js';
import type { OpenSockets } from './open-sockets.js';
import { isWebSocket, WEBSOCKET } from './protocols.js';
import { NO_WEBSOCKET, refuseUpgrade } from './refuse-upgrade.js';
import { READS_BODY, serverOf } from './serve-without-upgrade.js';

/** Chooses the egress proxy of a WebSocket, and is notified of how it went. */
export type UpgradeEgress = EgressPolicy & Limit;

/** Takes over an upgrade: a listener for a server's `upgrade` event. */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

const TAKEN: unique symbol = Symbol('resilient-proxy-out.upgrade');
const PASSED: unique symbol = Symbol('resilient-proxy-out.upgrade-passed');

/** A request that a server emits to all its upgrade listeners. */
type Marked = IncomingMessage & { [TAKEN]?: boolean; [PASSED]?: number };

/** Marks an upgrade as taken. @returns `false` if another handler of this package has taken it */
export function takeUpgrade(req: Marked): boolean {
  if (req[TAKEN]) return false;
  req[TAKEN] = true;
  return true;
}

/** Clears the mark, so that another handler can take the upgrade. */
export function returnUpgrade(req: Marked): void {
  req[TAKEN] = false;
}

/**
 * Leaves an upgrade to the server's other listeners.
 * @returns whether all listeners have passed it by: then nobody else responds, and its client would wait forever
 */
export function passUpgradeBy(req: Marked, socket: Duplex): boolean {
  const passed = (req[PASSED] ?? 0) + 1;
  req[PASSED] = passed;
  return passed >= (serverOf(req.socket ?? socket)?.listenerCount('upgrade') ?? 1);
}

/** Leaves an upgrade that was begun to the server's other listeners, or refuses it if there are none. */
export function leaveUpgrade({ req, upgrade }: Exchange): void {
  if (!upgrade) return;
  upgrade.giveBack();
  if (passUpgradeBy(req, upgrade.socket)) refuseUpgrade(upgrade.socket, NO_WEBSOCKET);
  else returnUpgrade(req);
}

/** Whether an `Upgrade` header, of a request or of a 101, names WebSocket. */
export function meansWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return /(?:^|[,\s])websocket(?:$|[,\s])/i.test(headers.upgrade ?? '');
}

/** What decodes to 16 bytes (RFC 6455 §4.1); bits left over are the target's to judge, as in the RFC's own example. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * Why a request is not a valid WebSocket handshake (RFC 6455 §4.2.1); `undefined` if it is. The version is left to
 * the target to check, and so is all of another protocol's.
 */
export function handshakeProblem(req: IncomingMessage, protocol = WEBSOCKET): ProxyError | undefined {
  if (!isWebSocket(protocol)) return undefined;
  const { method, httpVersionMajor, httpVersionMinor, headers } = req;
  const problem = (message: string) => new ProxyError('ERR_BAD_REQUEST', message);
  if (!meansWebSocket(req)) return problem('Only upgrades to WebSocket are served here');
  if (method !== 'GET') return problem('A WebSocket handshake must be a GET request');
  if (httpVersionMajor === 1 && httpVersionMinor < 1) return problem('A WebSocket handshake needs HTTP/1.1');
  // One side would take it for a body, the other for frames.
  if (announcesBody(req)) return problem('A WebSocket handshake must not have a body');
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    return problem('Sec-WebSocket-Key must occur once and hold 16 bytes in base64');
  }
  return undefined;
}

/** A stage that refuses an invalid handshake before any other stage runs. */
export const checkHandshake: Handler = function checkHandshake(req, _res, next) {
  next(handshakeProblem(req, knownExchange(req)?.upgrade?.protocol));
};

/**
 * Begins the exchange of an upgrade. Its response is written to the connection, so that every stage can refuse it
 * like any call; the connection is closed after such a response.
 * @param protocol that the client is upgraded to
 * @returns `undefined` if the connection is gone, or still carries the response to an earlier request
 */
export function beginUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  sockets: OpenSockets,
  protocol = WEBSOCKET,
): Exchange | undefined {
  // Node has removed its own listeners, and an unhandled error would end the process.
  socket.on('error', () => {});
  if (socket.destroyed || socket.writableEnded) return undefined;
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  try {
    // Node's types require a Socket; a response needs only what every stream has.
    res.assignSocket(socket as Socket);
  } catch {
    socket.destroy();
    return undefined;
  }
  if (socket instanceof Socket) socket.setTimeout(0);
  // Always anew: one that another listener has given back is over.
  const exchange = new Exchange(req, res);
  exchange.upgrade = new Handshake(res, socket, head, { sockets, protocol });
  return exchange;
}

/** Bytes that a client may send before it has a response; then its connection is paused. */
const MAX_EARLY_BYTES = 64 * 1024;

/** A client's connection until the head of its response is sent. */
class Handshake implements Upgrade {
  readonly socket: Duplex;
  readonly sockets: OpenSockets;
  readonly protocol: string;
  readonly onCut: CutListener[] = [];
  readonly body: Readable | undefined;
  opened: Upgrade['opened'] = undefined;
  readonly #res: ServerResponse;
  readonly #early: Buffer[] = [];
  readonly #offerBody: OfferBody | undefined;
  #earlyBytes = 0;
  #start: ((early: Buffer) => void) | undefined;
  #over = false;

  constructor(
    res: ServerResponse,
    socket: Duplex,
    head: Buffer,
    { sockets, protocol }: Pick<Upgrade, 'protocol'> & { sockets: OpenSockets },
  ) {
    this.#res = res;
    this.socket = socket;
    this.sockets = sockets;
    this.protocol = protocol;
    if (!isWebSocket(protocol) && announcesBody(res.req)) {
      if (!READS_BODY) this.#offerBody = new OfferBody(Number(res.req.headers['content-length']), this.#flow);
      this.body = this.#offerBody ?? res.req;
    }
    this.#keep(head);
    res.once('finish', () => this.#finish());
    // On the next tick, so that a connection that is given back at once is untouched.
    process.nextTick(() => this.#watch());
  }

  switchOver(start: (early: Buffer) => void): void {
    this.#start = start;
  }

  giveBack(): void {
    this.#release();
  }

  /** Only a socket that is read emits `end` when its client leaves. */
  #watch(): void {
    if (this.#over) return;
    this.socket.on('data', this.#keep).on('end', this.#gone).on('drain', this.#drained);
  }

  readonly #keep = (chunk: Buffer): void => {
    const rest = this.#offerBody?.fill(chunk) ?? chunk;
    this.#early.push(rest);
    this.#earlyBytes += rest.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES || this.#offerBody?.full) this.socket.pause();
  };

  readonly #flow = (): void => {
    if (!this.#over && this.#earlyBytes <= MAX_EARLY_BYTES) this.socket.resume();
  };

  readonly #gone = (): void => {
    this.socket.destroy();
  };

  // A server emits `drain` on its responses; there is none here.
  readonly #drained = (): void => {
    this.#res.emit('drain');
  };

  #finish(): void {
    const { socket } = this;
    this.#release();
    if (this.#start) this.#start(Buffer.concat(this.#early));
    // A server's connection stays half open until the client closes it.
    else socket.resume().end(() => socket.destroy());
  }

  #release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#offerBody?.on('error', () => {}).destroy();
    this.socket.off('data', this.#keep).off('end', this.#gone).off('drain', this.#drained);
    if (this.#res.socket) this.#res.detachSocket(this.#res.socket);
    // A server emits `close` on its responses; there is none here.
    this.#res.emit('close');
  }
}
