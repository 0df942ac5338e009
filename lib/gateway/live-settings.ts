import type { GatewaySettings } from '../config/schema.js';
import { type OriginCheck, originCheck } from './access.js';
import { type CallLog, callLog } from './call-log.js';
import type { Logger } from './logger.js';

/** The settings that a reload can change. */
export interface LiveSettings {
  readonly refused: OriginCheck | undefined;
  readonly logCall: CallLog;
  readonly shutdownTimeoutMs: number;
}

/** @param bound address that the gateway listens on, which a reload cannot change */
export function liveSettings(settings: GatewaySettings, bound: string, logger: Logger): LiveSettings {
  return {
    refused: originCheck({ ...settings, host: bound }),
    logCall: callLog(logger, settings.accessLog),
    shutdownTimeoutMs: settings.shutdownTimeoutMs,
  };
}

const FIXED = ['host', 'port', 'headersTimeoutMs', 'keepAliveTimeoutMs', 'watch'] as const;

/** Names of the settings that differ and take effect only after a restart. */
export function fixedSettings(running: GatewaySettings, now: GatewaySettings): string[] {
  return FIXED.filter((name) => running[name] !== now[name]).map((name) => `server.${name}`);
}
