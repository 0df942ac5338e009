import http from 'node:http';
import https from 'node:https';

/** Connections of Node's client that are kept, of one owner, who closes them: httpxy's and Node's own are everybody's. */
export class NodePools {
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  /** @param connections to each target at most */
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
