import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { ProxyServerOptions } from 'httpxy';
import { targetTls } from '../options/tls-options.js';
import type { Plan } from '../transport.js';

/** Where `followRedirects` may lead, and what stays behind. */
export interface RedirectRules {
  /** Origins beside the target's own; `'*'` is every one. */
  readonly origins: '*' | ReadonlySet<string>;
  /** Fields that no origin but the target's may see, in small letters. */
  readonly secretHeaders: readonly string[];
}

/** The redirects that one attempt follows. */
export class Redirects {
  readonly #plan: Plan;
  readonly #rules: RedirectRules;
  readonly #agentOf: (url: URL) => ProxyServerOptions['agent'];
  #at: string;
  #left = false;
  #carrier: Agent | undefined;
  #options: ProxyServerOptions | undefined;

  constructor(plan: Plan, rules: RedirectRules, agentOf: (url: URL) => ProxyServerOptions['agent']) {
    this.#plan = plan;
    this.#rules = rules;
    this.#agentOf = agentOf;
    this.#at = plan.target.origin;
  }

  /** A request is about to be sent, the first or one that follows. */
  begin(proxyReq: ClientRequest, options: ProxyServerOptions): void {
    this.#options = options;
    // Once they have left, they do not come back: who was on the way may have chosen where they go now.
    if (this.#left) for (const name of this.#rules.secretHeaders) proxyReq.removeHeader(name);
    proxyReq.prependListener('response', this.#check);
  }

  /** httpxy follows a redirect by its Location: without one it passes the answer on, which has it again then. */
  readonly #check = (proxyRes: IncomingMessage): void => {
    const { location } = proxyRes.headers;
    if (location === undefined) return;
    const url = URL.canParse(location, this.#at) ? new URL(location, this.#at) : undefined;
    if (!url || !this.#mayFollow(url)) {
      delete proxyRes.headers.location;
      return;
    }
    this.#at = url.origin;
    if (url.origin === new URL(this.#plan.target.origin).origin) {
      if (!this.#left) this.#keepTls();
      return;
    }
    this.#left = true;
    // It is made for the target's protocol, and Node refuses one for another.
    if (this.#options) this.#options.agent = this.#agentOf(url);
  };

  /** httpxy follows without the certificates and the server name of its first request. */
  #keepTls(): void {
    const { proxyOptions, target } = this.#plan;
    const options = this.#options;
    if (!options?.agent || this.#carrier === options.agent) return;
    if (!target.origin.startsWith('https:')) return;
    this.#carrier = withTls(options.agent, {
      ...targetTls(proxyOptions),
      servername: target.servername ?? '',
    });
    options.agent = this.#carrier;
  }

  #mayFollow(url: URL): boolean {
    const { target, exchange, proxyOptions } = this.#plan;
    if (url.origin === this.#at || url.origin === new URL(target.origin).origin) return true;
    const { origins } = this.#rules;
    if (!/^https?:$/.test(url.protocol) || (origins !== '*' && !origins.has(url.origin))) return false;
    // An exit's tunnel leads to the target, and an agent of the user's is for its protocol.
    return !exchange.egress && (!proxyOptions.agent || url.protocol === new URL(target.origin).protocol);
  }
}

/** What Node's agents do but their types do not say. */
interface Pooling {
  addRequest(req: ClientRequest, options: object): void;
}

/** The same agent for requests that get these options on top. */
function withTls(agent: Agent & Pooling, tls: object): Agent {
  return Object.create(agent, {
    addRequest: {
      value: (req: ClientRequest, options: object) => agent.addRequest(req, { ...options, ...tls }),
    },
  });
}
