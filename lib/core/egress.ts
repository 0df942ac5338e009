import type { Agent, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { ProxyError } from './errors.js';

/** Certificates for the TLS connection to a target. */
export interface TargetTls {
  /** Certificate authorities to trust instead of the system's. */
  readonly ca?: SecureContextOptions['ca'];
  /** Client certificate. */
  readonly cert?: SecureContextOptions['cert'];
  /** Private key of `cert`. */
  readonly key?: SecureContextOptions['key'];
}

/** The target that a connection is opened to. */
export interface ConnectTo {
  /** Host name or IP address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Whether the target is https. */
  readonly encrypted: boolean;
  /** Name for SNI and the certificate check; `undefined` for an IP address, which TLS does not send. */
  readonly servername: string | undefined;
  /** Whether the target's certificate must be trusted. */
  readonly rejectUnauthorized: boolean;
  readonly tls: TargetTls;
}

/** An egress proxy: what a transport needs to reach the target through a forward proxy. */
export interface Egress {
  /** Name without credentials, shown in attempts, events and status. */
  readonly name: string;
  /**
   * Opens a connection to the target, TLS included; with {@link absoluteForm}, one to the egress proxy. A failure of
   * the egress proxy is a ProxyError ERR_PROXY_CONNECT.
   */
  connect(to: ConnectTo): Promise<Socket>;
  /** The same for Node's client, with its connections kept alive. */
  readonly agent: Agent;
  /** Set if requests are sent to this proxy in absolute form instead of through a tunnel; http targets only. */
  readonly absoluteForm?: { readonly origin: string; readonly rawHeaders: readonly string[] } | undefined;
  /** Each attempt gets a connection of its own, which is closed after it. */
  readonly once?: boolean | undefined;
  /** The next attempt may come from another address: limits that the target advertises to one hold for no other. */
  readonly varies?: boolean | undefined;
  /** Maximum connections to each target; `undefined` leaves it to `forward()`. */
  readonly connections?: number | undefined;
}

/** What the choice of an egress proxy needs to know of the target. */
export interface EgressTarget {
  /** `http://host:port`. */
  readonly origin: string;
}

/** What the choice of an egress proxy needs to know of a call or a WebSocket upgrade. */
export interface EgressCall {
  readonly req: IncomingMessage;
  /** Limits of the call. */
  readonly limits: readonly {
    /** When calls through this egress proxy are allowed again, in epoch milliseconds; 0 means now. */
    readyAt?(egress: string | undefined): number;
  }[];
  /** An upgrade: it needs a tunnel and cannot be sent in absolute form. */
  readonly tunnel?: boolean | undefined;
  /** Nobody waits for it any more: it would not use a proxy that it is given. */
  readonly abandoned?: boolean | undefined;
}

/** What a policy returns for an attempt without an egress proxy. */
export const DIRECT = 'direct';

/** Chooses the egress proxy of each attempt. Set by a rotation, used by the attempt loop. */
export interface EgressPolicy {
  /** The target has refused the last attempt because of its egress proxy, or may have: another is worth trying. */
  readonly refused?: boolean | undefined;
  /**
   * The egress proxy for this attempt, never one of `tried`. An error ends the call: a policy without a usable proxy
   * fails closed. Only `'direct'` sends the attempt directly.
   */
  choose(
    call: EgressCall,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Egress | typeof DIRECT | ProxyError | Promise<Egress | typeof DIRECT | ProxyError>;
  /**
   * An attempt has failed before its target was reached. What each egress proxy fails with is the target's failure;
   * what only one fails with is that one's.
   * @param tried names of all that have failed for the call
   * @returns `undefined` if another egress proxy is to be tried, otherwise what the call has failed with
   */
  failed?(
    call: EgressCall,
    error: ProxyError,
    tried: ReadonlySet<string>,
    target: EgressTarget,
  ): Error | undefined;
  /** Whether an egress proxy other than the last can be used at once. */
  hasAnother?(call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget): boolean;
  /** Milliseconds until one can be used; `Infinity` if nobody knows. */
  readyInMs?(call: EgressCall, tried: ReadonlySet<string>, target: EgressTarget): number;
}
