import http from 'node:http';
import https from 'node:https';
import { guardIdle } from '../../http/idle-connections.js';
import type { PoolUse } from '../pool-use.js';

/**
 * Keep-alive connections of Node's client with one owner, who closes them. The agents of httpxy and of Node itself
 * are shared with other code.
 */
export class NodePools {
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  /**
   * @param connections maximum for each target
   * @param insecure takes responses that are not valid HTTP
   * @param maxAgeMs after which a connection is not used again; `Infinity` is no limit
   */
  constructor(connections: number, maxAgeMs = Number.POSITIVE_INFINITY, insecure = false) {
    const pool = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
    this.#http = guardIdle(new http.Agent(pool), maxAgeMs);
    this.#https = guardIdle(new https.Agent(pool), maxAgeMs);
    for (const agent of [this.#http, this.#https]) withoutBrackets(agent as unknown as Connecting);
    if (!insecure) return;
    process.emitWarning('insecureHTTPParser takes responses from which a target can smuggle others', {
      code: 'RESILIENT_PROXY_INSECURE',
    });
    for (const agent of [this.#http, this.#https]) beLenient(agent as unknown as Adding);
  }

  /** The pool for https, or for http. */
  of(encrypted: boolean): http.Agent {
    return encrypted ? this.#https : this.#http;
  }

  /** Its connections, and who waits for one. */
  use(): PoolUse {
    const count = (lists: NodeJS.ReadOnlyDict<unknown[]>) =>
      Object.values(lists).reduce((sum, list) => sum + (list?.length ?? 0), 0);
    const agents = [this.#http, this.#https];
    const sum = (read: (agent: http.Agent) => NodeJS.ReadOnlyDict<unknown[]>) =>
      agents.reduce((all, agent) => all + count(read(agent)), 0);
    return {
      busy: sum(({ sockets }) => sockets),
      idle: sum(({ freeSockets }) => freeSockets),
      waiting: sum(({ requests }) => requests),
    };
  }

  /** Closes the connections that no request uses. */
  closeIdle(): void {
    for (const { freeSockets } of [this.#http, this.#https]) {
      for (const sockets of Object.values(freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

interface Connecting {
  createConnection(options: { host?: string }, ...rest: unknown[]): unknown;
}

/** httpxy leaves an IPv6 address in the brackets that it has in a URL, and Node would look for a host of that name. */
function withoutBrackets(agent: Connecting): void {
  const { createConnection } = agent;
  agent.createConnection = (options, ...rest) => {
    const host = options.host?.replace(/^\[|\]$/g, '');
    return createConnection.call(agent, host === undefined ? options : { ...options, host }, ...rest);
  };
}

/** Methods of Node's agents and requests that are missing in their types. */
interface Adding {
  addRequest(req: http.ClientRequest & { insecureHTTPParser?: boolean }, ...rest: unknown[]): void;
}

/** Node reads it when the request gets its connection, and httpxy does not pass it on. */
function beLenient(agent: Adding): void {
  const { addRequest } = agent;
  agent.addRequest = (req, ...rest) => {
    req.insecureHTTPParser = true;
    addRequest.call(agent, req, ...rest);
  };
}
