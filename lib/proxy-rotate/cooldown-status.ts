import type { EgressProxyStatus } from '../core/egress-status.js';
import type { Cooldown } from './cooldown.js';

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
