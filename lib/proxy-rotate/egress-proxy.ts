import type { ConnectTo, Egress } from '../core/egress.js';
import type { EgressProxyStatus } from '../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import { Cooldown, type CooldownTimes } from './cooldown.js';
import { DialError } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';
import { type DialWatcher, ProxyAgent } from './proxy-agent.js';
import type { ResolvedProxy, ResolvedProxyRotate } from './proxy-rotate-options.js';

/** The rotation that an egress proxy belongs to. */
export interface ProxyOwner {
  now(): number;
  /** A connection through the proxy was opened, or has failed. */
  dialEnded(proxy: EgressProxy, beganAt: number, targetOrigin: string, failure: DialError | undefined): void;
}

/** Default of the option `connections` of `forward()`. */
const DEFAULT_CONNECTIONS = 256;

/** A forward proxy: its state, and the connections through it. */
export class EgressProxy implements DialWatcher {
  readonly name: string;
  /** Place in the list. */
  readonly index: number;
  /** Whether it can be used at all; unknown until a first attempt. */
  readonly cooldown: Cooldown;
  attempts = 0;
  active = 0;
  /** Connections being opened. */
  opening = 0;
  /** Turns to give back: it took them in place of another proxy. */
  owes = 0;
  readonly #address: ProxyAddress;
  readonly #proxy: ResolvedProxy;
  readonly #options: ResolvedProxyRotate;
  readonly #owner: ProxyOwner;
  #agent: ProxyAgent | undefined;
  #tunnel: Egress | undefined;
  #plain: Egress | undefined;
  #closed = false;

  constructor(
    proxy: ResolvedProxy,
    index: number,
    options: ResolvedProxyRotate,
    times: CooldownTimes,
    owner: ProxyOwner,
  ) {
    this.name = proxy.name;
    this.index = index;
    this.#address = proxy.address;
    this.#proxy = proxy;
    this.#options = options;
    this.#owner = owner;
    this.cooldown = new Cooldown(times, false);
  }

  /** Scheme, host and port of the proxy. */
  get origin(): string {
    return this.#address.origin;
  }

  /** Egress to a target. The same object each time: transports keep their connections by it. */
  egress(encrypted: boolean): Egress {
    if (encrypted || this.#options.tunnel) {
      this.#tunnel ??= new ProxyEgress(this, this.#pool(), this.#options.connections, undefined);
      return this.#tunnel;
    }
    this.#plain ??= new ProxyEgress(this, this.#pool(), this.#options.connections, this.#address);
    return this.#plain;
  }

  refusal(): ProxyError | undefined {
    if (this.#closed) return shuttingDown();
    if (this.cooldown.state(this.#owner.now()) !== 'cooling-down') return undefined;
    return new DialError(`it is cooling down after ${this.cooldown.reason}`, 'proxy');
  }

  began(): number {
    this.opening++;
    return this.#owner.now();
  }

  unused(): void {
    this.opening--;
  }

  ended(
    beganAt: number,
    { hostname, port, encrypted }: Pick<ConnectTo, 'hostname' | 'port' | 'encrypted'>,
    failure?: DialError,
  ): void {
    this.opening--;
    const name = hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname;
    const { origin } = new URL(`${encrypted ? 'https' : 'http'}://${name}:${port}`);
    this.#owner.dialEnded(this, beganAt, origin, failure);
  }

  /** State for all targets; the rotation adds a cool-down for a single one. */
  status(api: string, now: number): EgressProxyStatus {
    const { cooldown, name, attempts, active } = this;
    return {
      api,
      name,
      address: this.origin,
      ...cooldownStatus(cooldown, now),
      failures: cooldown.failures,
      attempts,
      active,
    };
  }

  close(): void {
    this.#closed = true;
    this.#agent?.close();
  }

  #pool(): ProxyAgent {
    const { connectTimeoutMs, connections = DEFAULT_CONNECTIONS, tunnel } = this.#options;
    this.#agent ??= new ProxyAgent(
      this.#address,
      { connectTimeoutMs, connections, ca: this.#proxy.ca, absoluteForm: !tunnel },
      this,
    );
    return this.#agent;
  }
}

/** State as the status shows it: a cool-down that is over shows until a probe has succeeded. */
export function cooldownStatus(
  cooldown: Cooldown,
  now: number,
): Pick<EgressProxyStatus, 'state' | 'coolsDownUntil' | 'reason'> {
  const state = cooldown.state(now);
  if (state === 'probing') return { state, coolsDownUntil: undefined, reason: cooldown.reason };
  const tried = cooldown.reason !== undefined;
  if (state === 'ok' || !tried) return { state: 'ok', coolsDownUntil: undefined, reason: undefined };
  return { state: 'cooling-down', coolsDownUntil: Math.round(cooldown.until), reason: cooldown.reason };
}

class ProxyEgress implements Egress {
  readonly name: string;
  readonly agent: ProxyAgent;
  readonly connections: number | undefined;
  readonly absoluteForm: Egress['absoluteForm'];
  readonly #proxy: EgressProxy;

  constructor(
    proxy: EgressProxy,
    agent: ProxyAgent,
    connections: number | undefined,
    plain: ProxyAddress | undefined,
  ) {
    this.name = proxy.name;
    this.agent = agent;
    this.connections = connections;
    this.#proxy = proxy;
    this.absoluteForm = plain && {
      origin: plain.origin,
      rawHeaders: plain.authorization ? ['proxy-authorization', plain.authorization] : [],
    };
  }

  get opening(): number {
    return this.#proxy.opening;
  }

  connect(to: ConnectTo) {
    return this.agent.open(to, this.absoluteForm !== undefined);
  }
}
