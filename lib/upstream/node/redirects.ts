import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { ProxyServerOptions } from 'httpxy';
import { agentWith } from '../../core/agent-with.js';
import type { IsCredential } from '../../core/credential-headers.js';
import { targetTls } from '../options/tls-options.js';
import type { Plan } from '../transport.js';

/** Where `followRedirects` may lead, and which headers are then removed. */
export interface RedirectRules {
  /** Allowed origins beside the target's own; `'*'` allows all. */
  readonly origins: '*' | ReadonlySet<string>;
  /** Whether a header may reach no origin but the target's. */
  readonly isSecret: IsCredential;
}

/** Checks the redirects that one attempt follows. */
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

  /** Called before a request is sent, the first one or one that follows a redirect. */
  begin(proxyReq: ClientRequest, options: ProxyServerOptions): void {
    this.#options = options;
    // Secret headers stay removed after the first other origin: a redirect back to the target was chosen by that
    // origin.
    if (this.#left) {
      for (const name of proxyReq.getHeaderNames())
        if (this.#rules.isSecret(name)) proxyReq.removeHeader(name);
    }
    proxyReq.prependListener('response', this.#check);
  }

  /**
   * httpxy follows a redirect if it has a Location. Without one it passes the response on, to which the header is
   * then added again.
   */
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
    // An agent is made for the target's protocol, and Node refuses it for another.
    if (this.#options) this.#options.agent = this.#agentOf(url);
  };

  /** httpxy follows redirects without the certificates and the server name of its first request. */
  #keepTls(): void {
    const { proxyOptions, target } = this.#plan;
    const options = this.#options;
    if (!options?.agent || this.#carrier === options.agent) return;
    if (!target.origin.startsWith('https:')) return;
    const tls = {
      ...targetTls(proxyOptions),
      servername: target.servername ?? '',
    };
    this.#carrier = agentWith(options.agent, (_req, given) => ({ ...given, ...tls }));
    options.agent = this.#carrier;
  }

  #mayFollow(url: URL): boolean {
    const { target, exchange, proxyOptions } = this.#plan;
    if (url.origin === this.#at || url.origin === new URL(target.origin).origin) return true;
    const { origins } = this.#rules;
    if (!/^https?:$/.test(url.protocol) || (origins !== '*' && !origins.has(url.origin))) return false;
    // An egress proxy's tunnel leads to the target only, and a user's agent serves only its protocol.
    return !exchange.egress && (!proxyOptions.agent || url.protocol === new URL(target.origin).protocol);
  }
}
