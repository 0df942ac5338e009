import type { ClientRequest, IncomingMessage } from 'node:http';
import type { ProxyServerOptions } from 'httpxy';
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
    if (url.origin === new URL(this.#plan.target.origin).origin) return;
    this.#left = true;
    // It is made for the target's protocol, and Node refuses one for another.
    if (this.#options) this.#options.agent = this.#agentOf(url);
  };

  #mayFollow(url: URL): boolean {
    const { target, exchange, proxyOptions } = this.#plan;
    if (url.origin === this.#at || url.origin === new URL(target.origin).origin) return true;
    const { origins } = this.#rules;
    if (!/^https?:$/.test(url.protocol) || (origins !== '*' && !origins.has(url.origin))) return false;
    // An exit's tunnel leads to the target, and an agent of the user's is for its protocol.
    return !exchange.egress && (!proxyOptions.agent || url.protocol === new URL(target.origin).protocol);
  }
}
