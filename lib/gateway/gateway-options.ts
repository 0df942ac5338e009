import type { Server } from 'node:http';
import type { ManyApisConfig } from '../apis/options.js';
import type { SortedApis } from '../apis/sorted-apis.js';
import type { LoadedConfig } from '../config/load-config.js';
import type { GatewaySettings } from '../config/schema.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import type { GatewayProcess } from './gateway-process.js';
import type { LogSource } from './log-status.js';
import type { Logger } from './logger.js';
import type { Tokens } from './tokens.js';

/** What a {@link Gateway} is built from. */
export interface GatewayOptions {
  /** The APIs, as `loadConfig()` returns them. */
  readonly config: ManyApisConfig;
  /** The `server` block, as `loadConfig()` returns it. */
  readonly gateway: GatewaySettings;
  /** pino's; {@link gatewayLogger} makes one that masks credentials. */
  readonly logger: Logger;
  /** How the writing of the log goes, where it is known. */
  readonly log?: LogSource | undefined;
  /** Shown by the verbose health check. */
  readonly warnings?: readonly string[] | undefined;
  /** Shown by the verbose health check. */
  readonly version?: string | undefined;
  /** What clients send for the admin routes; without one only clients on this machine may use them. */
  readonly tokens?: Tokens | undefined;
  /** Descriptor of the open socket to listen on, in place of `host` and `port`. */
  readonly socket?: number | undefined;
  /** What has checked the options of its APIs already. @internal */
  readonly sorted?: SortedApis | undefined;
  /** Its part, where several processes are one gateway. @internal */
  readonly process?: GatewayProcess | undefined;
}

/** The stand-alone gateway: `/api/<name>/<path>` and the admin routes on one server. */
export interface Gateway {
  readonly server: Server;
  readonly proxy: ResilientProxy;
  /** Resolves with the URL once it listens; rejects with the error of the socket. */
  listen(): Promise<string>;
  /** Says at which address others listen for it, where that is not `server.host`. */
  boundTo(host: string): void;
  /** Listens for admin routes alone, where they have a place of their own; for a process that takes no calls. */
  listenForAdmin(): Promise<void>;
  /**
   * Applies another configuration while calls are in progress. If it cannot be loaded or is not valid, the error is
   * logged and the current one stays in service. It never throws.
   * @param load reads the configuration, and may throw
   * @returns whether it is in service
   */
  reload(load: () => LoadedConfig & Pick<GatewayOptions, 'tokens'>): boolean;
  /**
   * Leaves without losing a call: health checks say 503 and the calls that come meanwhile are served for
   * `server.drainDelayMs`; then it stops listening, and calls in progress have `server.shutdownTimeoutMs` to end. Frees
   * everything in the end.
   */
  close(): Promise<void>;
}
