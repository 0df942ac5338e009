import http from 'node:http';
import https from 'node:https';

/**
 * Keep-alive connections of Node's client with one owner, who closes them. The agents of httpxy and of Node itself
 * are shared with other code.
 */
export class NodePools {
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  /** @param connections maximum for each target */
  constructor(connections: number) {
    const pool = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
    this.#http = new http.Agent(pool);
    this.#https = new https.Agent(pool);
  }

  /** The pool for https, or for http. */
  of(encrypted: boolean): http.Agent {
    return encrypted ? this.#https : this.#http;
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
