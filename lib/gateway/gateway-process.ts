import type { Machine } from '../core/machine.js';
import type { AdminTunnel } from '../workers/admin-tunnel.js';

/** One process of a gateway that has several. */
export interface GatewayProcess {
  readonly machine: Machine;
  /** Has the primary respond to all but calls; for workers. */
  readonly admin?: AdminTunnel | undefined;
  /** Runs when the gateway is to leave, before what it holds for others is closed; for the primary. */
  leave?(): Promise<unknown>;
  /** What is wrong with the other processes now, as sentences; for the primary. */
  problems?(): readonly string[];
}
