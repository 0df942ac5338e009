import type { Socket } from 'node:net';
import { undiciErrors, undiciSymbols } from '../../core/packages/undici.js';
import type { Held } from '../response/interim.js';

/** The connection that a relay's response comes in by. */
export interface Connection extends Held {
  /** Puts the `TE` option into the `Connection` header of the next request (RFC 9110 §10.1.4). */
  announceTe(): void;
  /** Has another one opened for the next request, as it closes after this one. */
  replace(): void;
  /** It was open for a while before its first request: its target may have closed it meanwhile. */
  readonly hasIdled: boolean;
  /** Bytes that were read before its first request: what an egress proxy has said to open a tunnel. */
  readonly bytesBefore: number;
}

/** How the parser that was paused last is resumed: told by a relay, and taken by the connection that hears of it next. */
export interface Pausing {
  resume: (() => void) | undefined;
}

/**
 * Keeps a connection from ending the process: undici 7 asserts in a socket's events, where nobody catches, when a
 * response that ends with its connection is aborted, or when its connection ends while its parser is paused.
 */
export function steady(socket: Socket, pausing: Pausing): void {
  const { destroy, unshift } = socket;
  let resume: Pausing['resume'];
  let heard: Error | undefined;
  // A TLS alert that comes behind the handshake, such as one for a missing client certificate, leaves the socket open:
  // undici then takes the end that follows for the reason.
  socket.once('error', (error) => {
    heard = error;
  });
  socket.destroy = (error) => destroy.call(socket, error && (heard ?? plain(error)));
  // What a parser does when it is paused, and nothing else does.
  socket.unshift = (rest) => {
    resume = pausing.resume;
    return unshift.call(socket, rest);
  };
  // Before undici hears it. Nothing is left to read by then, so little more is written to a client that reads slowly.
  socket.prependListener('end', () => resume?.());
}

/**
 * Most errors are taken as they are, but of two undici makes something of its own. After its own `aborted` it takes the
 * request for unsent, and opens a connection that nobody uses. After a reset it takes a response for complete that ends
 * with its connection, and fails what waits for a connection that was idle.
 */
function plain(error: Error): Error {
  const special = error.message === 'aborted' || ('code' in error && error.code === 'ECONNRESET');
  return special ? Object.assign(new (undiciErrors().SocketError)(error.message), { cause: error }) : error;
}

/** What undici's parser of a connection calls when it has read a head. */
type HeadRead = (status: number, ...rest: unknown[]) => number;

/** A 100 as undici gets it: a status that is not 100, and that no target can send. */
const CONTINUE = 100.5;

/**
 * Has a parser take a 100 as any other interim response, also where nobody has sent `Expect` (RFC 9110 §15.2): undici
 * closes the connection instead. Some targets send one in front of each response to an upload.
 */
export function takeContinue(socket: Socket): void {
  const parser: unknown = Reflect.get(socket, undiciSymbols().kParser);
  if (typeof parser !== 'object' || parser === null) return;
  const { onHeadersComplete: read } = parser as { onHeadersComplete: HeadRead };
  const taking: HeadRead = (status, ...rest) =>
    read.call(parser, status === 100 ? CONTINUE : status, ...rest);
  Reflect.set(parser, 'onHeadersComplete', taking);
}

/** The status that the target has sent. */
export const sentStatus = (status: number): number => Math.floor(status);
