import type { Agent, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { ProxyError } from './errors.js';

/** Certificates for the TLS connection to a target. */
export interface TargetTls {
  /** Authorities that its certificate is trusted by, in place of the system's. */
  readonly ca?: SecureContextOptions['ca'];
  /** Shown to the target. */
  readonly cert?: SecureContextOptions['cert'];
  /** Key of `cert`. */
  readonly key?: SecureContextOptions['key'];
}

/** Where a connection must lead. */
export interface ConnectTo {
  /** Name or address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Whether it is https. */
  readonly encrypted: boolean;
  /** Name for SNI and the certificate check; `undefined` for an IP address, which TLS does not send. */
  readonly servername: string | undefined;
  /** Whether the target's certificate must be trusted. */
  readonly rejectUnauthorized: boolean;
  readonly tls: TargetTls;
}

/** A way out to the target: what a transport needs to go through a forward proxy. */
export interface Egress {
  /** Name without credentials; what attempts, events and status show. */
  readonly name: string;
  /**
   * Opens a connection that leads to the target, TLS with it included; with {@link absoluteForm}, one to
   * the proxy. What the exit is to blame for is a ProxyError ERR_PROXY_CONNECT.
   */
  connect(to: ConnectTo): Promise<Socket>;
  /** Does the same for Node's client, and keeps its connections. */
  readonly agent: Agent;
  /** Requests in absolute form to this proxy in place of a tunnel; http targets only. */
  readonly absoluteForm?: { readonly origin: string; readonly rawHeaders: readonly string[] };
  /** Connections to each target at most; `undefined` leaves it to `forward()`. */
  readonly connections?: number;
  /** Connections that are being opened now. */
  readonly opening: number;
}

/** Where a call goes, as far as the choice of an exit depends on it. */
export interface EgressTarget {
  /** `http://host:port`. */
  readonly origin: string;
}

/** A call, or a WebSocket upgrade, as far as the choice of an exit depends on it. */
export interface EgressCall {
  readonly req: IncomingMessage;
  /** Limits of the call. */
  readonly limits: readonly {
    /** When calls through this exit are allowed again, in epoch milliseconds; 0 is now. */
    readyAt?(egress: string | undefined): number;
  }[];
  /** It cannot go in absolute form: an upgrade. */
  readonly tunnel?: boolean;
}

/** What a policy answers for an attempt that goes without an egress proxy. */
export const DIRECT = 'direct';

/** Chooses the egress proxy of each attempt; set by a rotation, read by the attempt loop. */
export interface EgressPolicy {
  /**
   * The egress proxy for this attempt, none of `tried` again. An error ends the call: a policy that has no proxy left
   * fails closed. Only `'direct'` sends it directly.
   */
  choose(
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Egress | typeof DIRECT | ProxyError | Promise<Egress | typeof DIRECT | ProxyError>;
}
