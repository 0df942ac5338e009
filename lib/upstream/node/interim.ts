import type { ClientRequest, InformationEvent } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ProxyError } from '../../core/errors.js';
import { unreadableFailure } from '../failure.js';
import { type InterimFacts, InterimResponses } from '../response/interim.js';

/**
 * Passes on what comes in front of a response.
 * @param refused hears why there will be none
 */
export function hearInterim(
  proxyReq: ClientRequest,
  facts: InterimFacts,
  refused: (error: ProxyError) => void,
): void {
  let interim: InterimResponses | undefined;
  proxyReq.on('information', ({ statusCode, rawHeaders }: InformationEvent) => {
    interim ??= new InterimResponses(facts, {
      hold: () => void proxyReq.socket?.pause(),
      release: () => void proxyReq.socket?.resume(),
    });
    const error = interim.pass(statusCode, rawHeaders);
    if (error) refused(error);
  });
}

/** Refuses a switch to another protocol, which nobody has requested (RFC 9110 §15.2.2). */
export function refuseSwitch(proxyReq: ClientRequest, refused: (error: ProxyError) => void): void {
  // Without a listener Node closes the connection, and tells no reason.
  proxyReq.on('upgrade', (_proxyRes, socket: Duplex) => {
    socket.on('error', () => {}).destroy();
    refused(unreadableFailure('status 101').error);
  });
}
