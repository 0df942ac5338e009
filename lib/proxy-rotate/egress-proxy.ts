import type { Socket } from 'node:net';
import type { ConnectTo, Egress } from '../core/egress.js';
import type { EgressProxyStatus } from '../core/egress-status.js';
import { type ProxyError, shuttingDown } from '../core/errors.js';
import { Cooldown, type CooldownTimes } from './cooldown.js';
import { cooldownStatus } from './cooldown-status.js';
import { DialError } from './dial-error.js';
import { newSession, sessionAddress, sessionOf } from './gateway-proxy.js';
import { hash } from './hash.js';
import { KeyedSessions } from './keyed-sessions.js';
import type { ResolvedProxy } from './named-proxy.js';
import type { ProxyAddress } from './proxy-address.js';
import type { DialWatcher } from './proxy-agent.js';
import { ProxyConnections } from './proxy-connections.js';
import { mostAttempts, ProxyLoad } from './proxy-load.js';
import type { ResolvedProxyRotate } from './proxy-rotate-options.js';
import { windowOf } from './request-window.js';
import { Tally } from './tally.js';

/** The rotation that an egress proxy belongs to. */
export interface ProxyOwner {
  now(): number;
  /** A connection through the proxy was opened, or has failed. */
  dialEnded(proxy: EgressProxy, beganAt: number, targetOrigin: string, failure: DialError | undefined): void;
}

/** Which session of a proxy it is. */
export interface SessionOf {
  /** All sessions of the proxy together. */
  readonly all: ProxyLoad;
  readonly cooldown: Cooldown;
  /** Place among the sessions; `undefined` where each key has one. */
  readonly place?: number;
  readonly key?: string;
  readonly generation?: number;
}

/** Targets in a row that the session of a key may fail to reach. */
const MOST_MISSED = 3;

/** A forward proxy, or one session of it: its state, and the connections through it. */
export class EgressProxy extends ProxyLoad implements DialWatcher {
  readonly name: string;
  /** Of its name, by which keys are spread. */
  readonly seed: number;
  /** Place in the list. */
  index: number;
  /** Beside those of the others. */
  readonly weight: number;
  /** Whether the only targets that it is for are https; `undefined` if it is for all. */
  readonly #onlyEncrypted: boolean | undefined;
  /** Whether it can be used at all; unknown until a first attempt. Sessions of one proxy share it. */
  readonly cooldown: Cooldown;
  /** The next attempt through it may come from another address: what a target says of one is not said of it. */
  readonly varies: boolean;
  /** Turns to give back: it took them in place of another proxy. */
  owes = 0;
  readonly #proxy: ResolvedProxy;
  readonly #options: ResolvedProxyRotate;
  readonly #owner: ProxyOwner;
  readonly #session: SessionOf | undefined;
  readonly #connections: ProxyConnections;
  /** `undefined` unless each key has a session. */
  readonly #keyed: KeyedSessions | undefined;
  /** After an update of the options it is that of the proxy before. */
  #tally = new Tally();
  /** Sessions in its place that were replaced. */
  #generation: number;
  #replacedAt = Number.NEGATIVE_INFINITY;
  /** Attempts by the session that it is now. */
  #uses = 0;
  /** Targets that could not be reached, in a row. */
  #missed = 0;
  #isRetired = false;
  #closed = false;

  /** @param session a proxy with sessions is, without it, one that has a session for each key */
  constructor(
    proxy: ResolvedProxy,
    index: number,
    options: ResolvedProxyRotate,
    times: CooldownTimes,
    owner: ProxyOwner,
    session?: SessionOf,
  ) {
    const { place, cooldown = new Cooldown(times, false), generation = 0 } = session ?? {};
    const isKeyed = proxy.session !== undefined && !session;
    super(
      mostAttempts(proxy, options, session !== undefined),
      isKeyed ? undefined : windowOf(options),
      session?.all,
    );
    this.name = place === undefined ? proxy.name : `${proxy.name} session ${place + 1}`;
    this.seed = hash(this.name);
    this.index = index;
    this.weight = proxy.weight;
    this.#onlyEncrypted = proxy.only && proxy.only === 'https';
    this.varies = proxy.rotating === true || (proxy.session !== undefined && place === undefined);
    this.#proxy = proxy;
    this.#options = options;
    this.#owner = owner;
    this.#session = session;
    this.#generation = generation;
    this.#connections = new ProxyConnections(this, proxy, options, this.#nextAddress());
    this.cooldown = cooldown;
    if (!isKeyed) return;
    const shared = { all: this, cooldown };
    this.#keyed = new KeyedSessions((key, generation) => {
      return new EgressProxy(proxy, index, options, times, owner, { ...shared, key, generation });
    });
  }

  /** Scheme, host and port of the proxy. */
  get origin(): string {
    return this.#connections.address.origin;
  }

  /** The same for a proxy that stays, whatever else changes in the options; it may hold credentials. */
  get identity(): string {
    const { origin, authorization = '' } = this.#proxy.address;
    return `${this.name} ${origin} ${authorization}`;
  }

  /** What has gone through it; that of a key's session is the proxy's. */
  get tally(): Tally {
    const { all } = this.#session ?? {};
    return all instanceof EgressProxy ? all.tally : this.#tally;
  }

  /** Many addresses are behind it: what happens by one of them says little about it. */
  get isGateway(): boolean {
    return this.#proxy.rotating === true || this.#proxy.session !== undefined;
  }

  get isProven(): boolean {
    return this.cooldown.state(this.#owner.now()) === 'ok';
  }

  /** Each attempt gets a connection of its own. */
  get rotating(): boolean {
    return this.#proxy.rotating === true;
  }

  /** Whether health checks go through it: of a number of sessions, through the first. */
  get isChecked(): boolean {
    return !this.#session?.place;
  }

  /** It is the session of a key. */
  get isOfKey(): boolean {
    return this.#session?.key !== undefined;
  }

  /** Sessions of its key that were replaced. */
  get generation(): number {
    return this.#generation;
  }

  /** Takes over what is known of the same proxy under other options. */
  resume(known: EgressProxy): void {
    this.cooldown.resume(known.cooldown);
    // Sessions of keys tell their proxy what they do.
    if (known.#keyed) this.attempts = known.attempts;
    else this.follow(known);
    this.#tally = known.#tally;
    this.#uses = known.#uses;
    if (this.#session) this.#connections.moveTo(known.#connections.address);
    if (known.#keyed) this.#keyed?.resume(known.#keyed);
  }

  /** The proxy to send an attempt by: itself, or the session of the key. */
  forKey(key: string | undefined): EgressProxy {
    return key !== undefined && this.#keyed ? this.#keyed.of(key) : this;
  }

  /** Whether it, or the session of the key, {@link isFull}. */
  isBusy(key: string | undefined, now: number): boolean {
    if (this.isFull(now)) return true;
    return key !== undefined && (this.#keyed?.known(key)?.isFull(now) ?? false);
  }

  /** {@link egress} for one more attempt, which may be the last of a session. */
  use(encrypted: boolean): Egress {
    const egress = this.egress(encrypted);
    const { session } = this.#proxy;
    if (session && this.#session && ++this.#uses >= session.maxUses) this.#replace();
    return egress;
  }

  /** Whether it is for targets of this scheme. */
  isFor({ encrypted }: { readonly encrypted: boolean }): boolean {
    return this.#onlyEncrypted === undefined || this.#onlyEncrypted === encrypted;
  }

  /** Egress to a target. The same object each time: transports keep their connections by it. */
  egress(encrypted: boolean): Egress {
    return this.#connections.egress(encrypted);
  }

  /** Connections for a check: nobody is told how they fail. It has a session of its own where there are sessions. */
  apart(encrypted: boolean, connectTimeoutMs: number) {
    const { address, session } = this.#proxy;
    const own = session ? sessionAddress(session.url, newSession()) : undefined;
    return this.#connections.apart(own ?? address, encrypted, connectTimeoutMs, this.tally);
  }

  /**
   * A target does not take what comes by it. A session makes way for a new one, while attempts under way go on by the
   * old one; a proxy whose address varies needs nothing.
   * @param beganAt of the attempt: what began before the session was replaced tells nothing of the new one
   * @returns whether there is nothing left to cool down
   */
  giveUp(beganAt: number): boolean {
    if (this.#session && beganAt > this.#replacedAt) this.#replace();
    return this.#session !== undefined || this.varies;
  }

  /** A target could not be reached by it. @returns whether that is no reason to leave the proxy out for the target */
  missed(): boolean {
    if (this.varies && this.#session && ++this.#missed >= MOST_MISSED) this.#replace();
    return this.varies;
  }

  /** A target was reached. */
  reached(): void {
    this.#missed = 0;
  }

  refusal(): ProxyError | undefined {
    if (this.#closed) return shuttingDown();
    if (this.cooldown.state(this.#owner.now()) !== 'cooling-down') return undefined;
    return new DialError(`it is cooling down after ${this.cooldown.reason}`, 'proxy');
  }

  began(): number {
    return this.#owner.now();
  }

  opened(connection: Socket): void {
    this.tally.watch(connection);
  }

  ended(
    beganAt: number,
    { hostname, port, encrypted }: Pick<ConnectTo, 'hostname' | 'port' | 'encrypted'>,
    failure?: DialError,
  ): void {
    const name = hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname;
    const { origin } = new URL(`${encrypted ? 'https' : 'http'}://${name}:${port}`);
    this.#owner.dialEnded(this, beganAt, origin, failure);
  }

  /** It was taken out of the list, and closes when its last attempt has ended. */
  retire(): void {
    this.#isRetired = true;
    this.left();
  }

  protected override left(): void {
    if (this.#isRetired && this.active === 0) this.close();
  }

  /** State for all targets; the rotation adds a cool-down for a single one. */
  status(api: string, now: number): EgressProxyStatus {
    const { cooldown, name, attempts, active } = this;
    return {
      ...{ api, name, address: this.origin },
      ...cooldownStatus(cooldown, now),
      ...{ failures: cooldown.failures, attempts, active },
      ...this.tally.figures(this.#proxy.costPerGb ?? this.#options.costPerGb),
    };
  }

  close(): void {
    this.#closed = true;
    this.#connections.close();
    this.#keyed?.close();
  }

  #replace(): void {
    this.#replacedAt = this.#owner.now();
    this.#generation++;
    this.#uses = 0;
    this.#missed = 0;
    this.window = windowOf(this.#options);
    this.#connections.moveTo(this.#nextAddress());
  }

  #nextAddress(): ProxyAddress {
    const { address, session } = this.#proxy;
    const { key } = this.#session ?? {};
    if (!session) return address;
    const name = key === undefined ? newSession() : sessionOf(key, this.#generation);
    return sessionAddress(session.url, name) ?? address;
  }
}
