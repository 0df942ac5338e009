import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { ConnectTo, TargetTls } from '../../core/egress.js';
import { TARGET_PARTS } from '../options/choose-transport.js';
import { targetTls } from '../options/tls-options.js';
import type { Target } from '../request/target.js';
import type { Plan } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';

/** Whether the target is https. */
export const isEncrypted = ({ origin }: Target): boolean => origin.startsWith('https:');

/** The target of a handshake's connection. */
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
 * Options of Node's client for a handshake: http-proxy-middleware's options about the connection.
 * @param tunnel the connection to use, if one is open already
 */
export function upgradeOptions(
  { target, method, path, proxyOptions }: Plan,
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
    method,
    setHost: false,
    maxHeaderSize: maxResponseHeaderBytes,
    agent: tunnel ? agentOf(tunnel, encrypted) : agent || false,
  };
}

/** Connection options of a target given as an object. */
function partsOf(target: unknown): RequestOptions {
  if (typeof target !== 'object' || target === null || target instanceof URL) return {};
  return Object.fromEntries(Object.entries(target).filter(([name]) => TARGET_PARTS.includes(name)));
}

/** An agent that returns one given connection. */
function agentOf(socket: Socket, encrypted: boolean): HttpAgent {
  const agent = encrypted ? new HttpsAgent() : new HttpAgent();
  return Object.assign(agent, { createConnection: () => socket });
}
