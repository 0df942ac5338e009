import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { ConnectTo, TargetTls } from '../../core/egress.js';
import { TARGET_PARTS } from '../options/choose-transport.js';
import { targetTls } from '../options/tls-options.js';
import type { Target } from '../request/target.js';
import type { Plan } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';

/** Whether a target is called by https. */
export const isEncrypted = ({ origin }: Target): boolean => origin.startsWith('https:');

/** Where the connection for a handshake must lead. */
export function connectTo(target: Target, rejectUnauthorized: boolean, tls: TargetTls): ConnectTo {
  const { hostname, port } = new URL(target.origin);
  const encrypted = isEncrypted(target);
  return {
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (encrypted ? 443 : 80),
    encrypted,
    servername: target.servername,
    rejectUnauthorized,
    tls,
  };
}

/**
 * What Node's client needs for a handshake: those of http-proxy-middleware's options that say how to connect.
 * @param tunnel the connection to use, where it is there already
 */
export function upgradeOptions(
  { target, path, proxyOptions }: Plan,
  { secure, maxResponseHeaderBytes }: Pick<ConnectionOptions, 'secure' | 'maxResponseHeaderBytes'>,
  tunnel: Socket | undefined,
): RequestOptions {
  const { hostname, port, encrypted, servername, tls } = connectTo(target, secure, targetTls(proxyOptions));
  const { agent, localAddress, ssl } = proxyOptions;
  return {
    ...(encrypted ? { servername: servername ?? '', rejectUnauthorized: secure, ...tls, ...ssl } : {}),
    ...partsOf(proxyOptions.target),
    localAddress,
    hostname,
    port,
    path,
    method: 'GET',
    setHost: false,
    maxHeaderSize: maxResponseHeaderBytes,
    agent: tunnel ? agentOf(tunnel, encrypted) : agent || false,
  };
}

/** How to connect, as a target tells it that is no URL. */
function partsOf(target: unknown): RequestOptions {
  if (typeof target !== 'object' || target === null || target instanceof URL) return {};
  return Object.fromEntries(Object.entries(target).filter(([name]) => TARGET_PARTS.includes(name)));
}

/** An agent whose one connection is there already. */
function agentOf(socket: Socket, encrypted: boolean): HttpAgent {
  const agent = encrypted ? new HttpsAgent() : new HttpAgent();
  return Object.assign(agent, { createConnection: () => socket });
}
