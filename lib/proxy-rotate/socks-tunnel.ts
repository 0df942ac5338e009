import { lookup } from 'node:dns';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { SocksProxyAgent } from 'socks-proxy-agent';
import { exhaustedHere } from '../core/exhausted-here.js';
import { socksProxyAgent } from '../core/packages/socks-proxy-agent.js';
import { DialError, late } from './dial-error.js';

/** Where a tunnel leads. */
export interface SocksTarget {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Opens tunnels through a SOCKS proxy. With `socks5h`, `socks` and `socks4a` the proxy looks the target's name up,
 * otherwise this machine does.
 */
export class SocksTunnels {
  readonly #url: string;
  readonly #timeoutMs: number;
  #agent: SocksProxyAgent | undefined;
  readonly #family: 4 | 0;

  constructor(url: string, timeoutMs: number) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    // SOCKS4 knows no IPv6.
    this.#family = url.startsWith('socks4') ? 4 : 0;
  }

  /** @param request stands in for the request that the agent is made for */
  async open(request: ClientRequest, { host, port }: SocksTarget): Promise<Socket> {
    const family = this.#family;
    const options = {
      host,
      port,
      secureEndpoint: false,
      lookup: (name: string, _options: object, found: (error: Error | null, address: string) => void) =>
        lookup(name, { family }, found),
    };
    try {
      const socket = (await (await this.#loaded()).connect(request, options as never)) as Socket;
      // The agent would end a tunnel that is idle for as long as it may take to be opened.
      socket.setTimeout(0).removeAllListeners('timeout');
      return socket.setNoDelay(true).setKeepAlive(true);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** The request is not told of idle tunnels. */
  close(): void {
    this.#agent?.destroy();
  }

  async #loaded(): Promise<SocksProxyAgent> {
    const { SocksProxyAgent } = await socksProxyAgent();
    if (!this.#agent) {
      this.#agent = new SocksProxyAgent(this.#url, { timeout: this.#timeoutMs });
      // It takes the host from the URL with the brackets of an IPv6 address, and would look that up as a name.
      this.#agent.proxy.host = this.#agent.proxy.host?.replace(/^\[|\]$/g, '') ?? '';
    }
    return this.#agent;
  }
}

/** The agent's errors hold the options with which it was called, and no code. */
function failureOf(error: unknown): Error {
  const message = error instanceof Error ? error.message : '';
  // The name of the target was looked up here. What fails on the way to the proxy has its code in the message alone.
  const lookedUp = error instanceof Error && 'code' in error;
  const code = lookedUp ? String(error.code) : /\bE[A-Z_]{4,}\b/.exec(message)?.[0];
  const cause = Object.assign(new Error(message), code === undefined ? {} : { code });
  if (exhaustedHere(cause)) return cause;
  const rejected = /rejected connection - \(?(\w+)/i.exec(message)?.[1];
  if (rejected !== undefined) return new DialError(`SOCKS: ${rejected}`, 'target');
  if (lookedUp && (code === 'ENOTFOUND' || code === 'EAI_AGAIN')) return new DialError(code, 'target', cause);
  if (/timed out/i.test(message)) return late('target', true);
  return new DialError(code ?? (message || 'the connection closed'), 'proxy', cause);
}
