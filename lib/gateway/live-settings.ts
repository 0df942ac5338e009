import { isDeepStrictEqual } from 'node:util';
import type { GatewaySettings } from '../config/schema.js';
import { type ClientAddress, clientAddress } from '../http/client-address.js';
import { type OriginCheck, originCheck } from './access.js';
import { type AdminCheck, adminCheck } from './admin-check.js';
import { type CallLog, callLog } from './call-log.js';
import type { Logger } from './logger.js';
import { type TokenFilter, tokenFilter } from './own-tokens.js';
import type { TokenThrottle } from './token-throttle.js';
import type { Tokens } from './tokens.js';

/** The settings that a reload can change. */
export interface LiveSettings {
  readonly refused: OriginCheck | undefined;
  /** The same on the listener of the admin routes. */
  readonly adminRefused: OriginCheck | undefined;
  readonly admin: AdminCheck;
  readonly dropTokens: TokenFilter | undefined;
  readonly logCall: CallLog;
  /** Who has made a call. */
  readonly clientOf: ClientAddress;
  readonly requiresRedis: boolean;
  readonly drainDelayMs: number | 'auto';
  readonly shutdownTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxRequestsPerSocket: number;
  /** The same for a gateway that listens on another address. */
  at(host: string): LiveSettings;
}

/** What the settings take effect on, and a reload cannot change. */
export interface LiveSite {
  /** The settings at the start: where the gateway listens. */
  readonly bound: Pick<GatewaySettings, 'host' | 'admin'>;
  readonly logger: Logger;
  /** Of tokens at the admin routes. */
  readonly throttle: TokenThrottle;
  /** Of credentials that come with calls. */
  readonly callThrottle: TokenThrottle;
}

export function liveSettings(settings: GatewaySettings, tokens: Tokens, site: LiveSite): LiveSettings {
  const { bound, logger, throttle } = site;
  const clientOf = clientAddress(settings.trustProxy);
  const refused = originCheck({ ...settings, host: bound.host });
  const adminRefused = bound.admin ? originCheck({ ...settings, host: bound.admin.host }) : refused;
  return {
    refused,
    adminRefused,
    admin: adminCheck({ tokens, hostIsKnown: adminRefused !== undefined, throttle, logger }),
    dropTokens: tokenFilter(tokens, {
      ...{ throttle: site.callThrottle, adminThrottle: throttle },
      ...{ clientOf, logger },
    }),
    maxConnections: settings.maxConnections,
    maxRequestsPerSocket: settings.maxRequestsPerSocket,
    logCall: callLog(logger, settings),
    clientOf,
    requiresRedis: settings.ready.requireRedis,
    drainDelayMs: settings.drainDelayMs,
    shutdownTimeoutMs: settings.shutdownTimeoutMs,
    at: (host) => liveSettings(settings, tokens, { ...site, bound: { ...bound, host } }),
  };
}

const FIXED = ['host', 'port', 'headersTimeoutMs', 'keepAliveTimeoutMs', 'watch'] as const;

/** Names of the settings that differ and take effect only after a restart. */
export function fixedSettings(running: GatewaySettings, now: GatewaySettings): string[] {
  const changed: string[] = FIXED.filter((name) => running[name] !== now[name]);
  if (!isDeepStrictEqual(running.admin, now.admin)) changed.push('admin');
  return changed.map((name) => `server.${name}`);
}
