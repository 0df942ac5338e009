import type { Egress } from '../core/egress.js';
import type { EgressProxy } from './egress-proxy.js';
import type { ResolvedProxy } from './named-proxy.js';
import type { ProxyAddress } from './proxy-address.js';
import { type DialWatcher, ProxyAgent, type ProxyAgentOptions } from './proxy-agent.js';
import { ProxyEgress } from './proxy-egress.js';
import type { ResolvedProxyRotate } from './proxy-rotate-options.js';
import type { Tally } from './tally.js';

/** Default of the option `connections` of `forward()`. */
const DEFAULT_CONNECTIONS = 256;

/** Replaced sessions that are remembered, of which a few were chosen for attempts that were never made. */
const MAX_RETIRED = 1000;

/** The connections through one proxy, by the address that it has now. */
export class ProxyConnections {
  readonly #of: EgressProxy;
  readonly #proxy: ResolvedProxy;
  readonly #options: ResolvedProxyRotate;
  #address: ProxyAddress;
  #agent: ProxyAgent | undefined;
  /** Those of sessions that were replaced, while attempts under way use them. */
  #retired: ProxyAgent[] = [];
  #tunnel: Egress | undefined;
  #plain: Egress | undefined;

  constructor(of: EgressProxy, proxy: ResolvedProxy, options: ResolvedProxyRotate, address: ProxyAddress) {
    this.#of = of;
    this.#proxy = proxy;
    this.#options = options;
    this.#address = address;
  }

  /** With the name of the session, where there are sessions. */
  get address(): ProxyAddress {
    return this.#address;
  }

  /** Begins anew by another address. What is under way goes on by the one before. */
  moveTo(address: ProxyAddress): void {
    this.#address = address;
    this.#retired = this.#retired.filter((agent) => !agent.done).slice(-MAX_RETIRED);
    if (this.#agent) this.#retired.push(this.#agent);
    this.#agent?.retire();
    this.#agent = undefined;
    this.#tunnel = undefined;
    this.#plain = undefined;
  }

  /** Egress to a target. The same object each time: transports keep their connections by it. */
  egress(encrypted: boolean): Egress {
    const { connections } = this.#options;
    if (this.#isTunnelled(encrypted)) {
      this.#tunnel ??= new ProxyEgress(this.#of, this.#pool(), connections, undefined);
      return this.#tunnel;
    }
    this.#plain ??= new ProxyEgress(this.#of, this.#pool(), connections, this.#absoluteForm(this.#address));
    return this.#plain;
  }

  /** Connections beside those of calls: nobody is told how they fail, but their bytes count. The agent is to be closed. */
  apart(address: ProxyAddress, encrypted: boolean, connectTimeoutMs: number, tally: Tally) {
    const watcher: DialWatcher = {
      isProven: false,
      refusal: () => undefined,
      began: () => 0,
      opened: (connection) => tally.watch(connection),
      ended: () => {},
    };
    const options = { ...this.#agentOptions(), connectTimeoutMs, connections: 1, absoluteForm: false };
    return {
      agent: new ProxyAgent(address, options, watcher),
      absoluteForm: this.#isTunnelled(encrypted) ? undefined : this.#absoluteForm(address),
    };
  }

  close(): void {
    this.#agent?.close();
    for (const agent of this.#retired) agent.close();
  }

  #isTunnelled(encrypted: boolean): boolean {
    return encrypted || this.#options.tunnel || this.#address.socks !== undefined;
  }

  /** The proxy reads its credentials in the request itself. */
  #absoluteForm({ origin, authorization }: ProxyAddress): NonNullable<Egress['absoluteForm']> {
    const own = Object.entries(this.#proxy.connectHeaders ?? {}).flat();
    return { origin, rawHeaders: authorization ? [...own, 'proxy-authorization', authorization] : own };
  }

  #agentOptions(): ProxyAgentOptions {
    const { connectTimeoutMs, connections = DEFAULT_CONNECTIONS, tunnel } = this.#options;
    const { ca, connectHeaders = {}, rotating = false } = this.#proxy;
    const absoluteForm = !tunnel && this.#address.socks === undefined;
    return { connectTimeoutMs, connections, ca, absoluteForm, headers: connectHeaders, keepAlive: !rotating };
  }

  #pool(): ProxyAgent {
    this.#agent ??= new ProxyAgent(this.#address, this.#agentOptions(), this.#of);
    return this.#agent;
  }
}
