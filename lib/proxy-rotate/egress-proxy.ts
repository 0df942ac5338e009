import type { ConnectTo, Egress } from '../core/egress.js';
import type { EgressProxyStatus } from '../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import { Cooldown, type CooldownTimes } from './cooldown.js';
import { DialError } from './dial-error.js';
import type { ProxyAddress } from './proxy-address.js';
import { type DialWatcher, ProxyAgent } from './proxy-agent.js';
import type { ResolvedProxy, ResolvedProxyRotate } from './proxy-rotate-options.js';

/** The rotation that an exit belongs to. */
export interface ProxyOwner {
  now(): number;
  /** A connection through the exit was made, or was not. */
  dialEnded(proxy: EgressProxy, beganAt: number, targetOrigin: string, failure: DialError | undefined): void;
}

/** `connections` of `forward()` where it is not set. */
const DEFAULT_CONNECTIONS = 256;

/** A forward proxy: how it is, and how connections are made through it. */
export class EgressProxy implements DialWatcher {
  readonly name: string;
  /** Where it stands in the list. */
  readonly index: number;
  /** Whether it can be used for any target. Nobody knows until a first call has tried. */
  readonly cooldown: Cooldown;
  attempts = 0;
  active = 0;
  /** Connections that are being opened. */
  opening = 0;
  /** Turns it took that were another's, to be given back. */
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

  /** The way to a target; the same object each time, by which transports keep connections apart. */
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
    return new DialError(`it rests after ${this.cooldown.reason}`, 'exit');
  }

  began(): number {
    this.opening++;
    return this.#owner.now();
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

  /** How it is for all targets; a rest for one of them is the rotation's to tell. */
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

/** How a rest shows: one whose time is over lasts until a trial has succeeded. */
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
