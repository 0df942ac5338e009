import type { ClientRequest, InformationEvent } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ProxyError } from '../../core/errors.js';
import type { Exchange } from '../../core/exchange.js';
import { unreadableFailure } from '../failure.js';
import { sendInformation } from '../response/interim.js';

/**
 * Passes on what comes in front of a response.
 * @param refused hears of a switch to another protocol, which nobody has requested
 */
export function hearInterim(
  proxyReq: ClientRequest,
  exchange: Exchange,
  refused: (error: ProxyError) => void,
): void {
  const switched = () => refused(unreadableFailure('status 101').error);
  proxyReq.on('information', ({ statusCode, rawHeaders }: InformationEvent) => {
    if (statusCode === 101) switched();
    else sendInformation(exchange, statusCode, rawHeaders);
  });
  // Without a listener Node closes the connection, and tells no reason.
  proxyReq.on('upgrade', (_proxyRes, socket: Duplex) => {
    socket.on('error', () => {}).destroy();
    switched();
  });
}
