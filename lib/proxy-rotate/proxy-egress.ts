import type { ConnectTo, Egress } from '../core/egress.js';
import type { EgressProxy } from './egress-proxy.js';
import type { ProxyAgent } from './proxy-agent.js';

/** The way to targets through one proxy, as a transport sees it. */
export class ProxyEgress implements Egress {
  readonly name: string;
  readonly agent: ProxyAgent;
  readonly connections: number | undefined;
  readonly absoluteForm: Egress['absoluteForm'];
  readonly once: boolean;
  readonly varies: boolean;

  constructor(
    proxy: EgressProxy,
    agent: ProxyAgent,
    connections: number | undefined,
    absoluteForm: Egress['absoluteForm'],
  ) {
    this.name = proxy.name;
    this.agent = agent;
    this.connections = connections;
    this.once = proxy.rotating;
    this.varies = proxy.varies;
    this.absoluteForm = absoluteForm;
  }

  connect(to: ConnectTo) {
    return this.agent.open(to, this.absoluteForm !== undefined);
  }
}
