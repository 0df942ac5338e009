import { createServer, type Server } from 'node:http';
import type { GatewaySettings } from '../config/schema.js';
import { rememberAddress } from '../http/client-address.js';
import { methodNotAllowed } from '../upstream/request/admission.js';
import { refuseUpgrade } from '../websocket/refuse-upgrade.js';
import { limitLateUploads } from './late-uploads.js';
import { MIN_BODY_RATE } from './presets.js';

const MAX_HEADER_BYTES = 64 * 1024;
/** How often Node looks for clients that are late with their headers: a few at a time, for each look ends all it finds. */
const CHECK_EVERY_MS = 100;
/** Longest pause in what is uploaded behind the response. */
const LATE_PAUSE_MS = 30_000;

/**
 * A server with the limits of the gateway; what it serves is up to its listeners.
 * @param passedOn whether its requests are those that other processes have taken
 */
export function gatewayServer(
  { headersTimeoutMs, keepAliveTimeoutMs }: GatewaySettings,
  passedOn = false,
): Server {
  const server = createServer({
    // A request of HTTP/1.0 needs none, and is of HTTP/1.1 once it is passed on; who took it has checked it.
    requireHostHeader: !passedOn,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    // An upload may take as long as it flows.
    requestTimeout: 0,
  });
  server.on('connection', rememberAddress);
  // Without a listener Node closes the connection without a response.
  server.on('connect', (_req, socket) => refuseUpgrade(socket, methodNotAllowed('CONNECT')));
  return server.on('request', limitLateUploads({ minBodyRate: MIN_BODY_RATE, graceMs: LATE_PAUSE_MS }));
}
