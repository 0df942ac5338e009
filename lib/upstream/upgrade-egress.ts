import type { IncomingMessage } from 'node:http';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { EgressPolicy } from '../egress.js';
import { ProxyError } from '../errors.js';
import type { Target } from './target.js';

/**
 * A connection for one WebSocket upgrade, through the exit that the policy chooses; an exit that fails is
 * followed by the next.
 * @returns `undefined` where the upgrade goes direct
 * @throws ProxyError where no exit is left, or the target's own TLS error
 */
export async function upgradeConnection(
  policy: EgressPolicy,
  req: IncomingMessage,
  target: Target,
  rejectUnauthorized: boolean,
): Promise<Socket | undefined> {
  const { origin, servername } = target;
  const { hostname, port, protocol } = new URL(origin);
  const encrypted = protocol === 'https:';
  const to = {
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (encrypted ? 443 : 80),
    encrypted,
    servername,
    rejectUnauthorized,
  };
  const tried = new Set<string>();
  for (;;) {
    const egress = await policy.choose({ req, guards: [], tunnel: true }, tried, target);
    if (egress instanceof ProxyError) throw egress;
    if (!egress) return undefined;
    try {
      return await egress.connect(to);
    } catch (error) {
      if (!(error instanceof ProxyError) || error.code !== 'ERR_PROXY_CONNECT') throw error;
      tried.add(egress.name);
    }
  }
}

/** An agent whose one connection is there already. */
export function agentOf(socket: Socket, encrypted: boolean): HttpAgent {
  const agent = encrypted ? new HttpsAgent() : new HttpAgent();
  return Object.assign(agent, { createConnection: () => socket });
}
