import type { EgressProxyStatus } from '../core/egress-status.js';
import type { Cooldown } from './cooldown.js';
import { cooldownStatus } from './cooldown-status.js';
import type { EgressProxy } from './egress-proxy.js';
import type { Lane } from './lanes.js';
import type { Tally } from './tally.js';

/** State of all proxies, and first of the direct connection where there is one. */
export function rotationStatus(
  api: string,
  direct: Direct | undefined,
  all: readonly EgressProxy[],
  lanes: readonly Lane[],
  now: number,
): EgressProxyStatus[] {
  const proxies = all.map((proxy) => proxyStatus(proxy, api, lanes, now));
  return direct ? [directStatus(direct, api, lanes, now), ...proxies] : proxies;
}

/** What is counted of the direct connection. */
type Direct = Pick<EgressProxyStatus, 'attempts' | 'active'> & { readonly tally: Tally };

/** State of a proxy, for the target for which it cools down longest where it can be used at all. */
function proxyStatus(
  proxy: EgressProxy,
  api: string,
  lanes: readonly Lane[],
  now: number,
): EgressProxyStatus {
  const own = proxy.status(api, now);
  return own.state === 'ok' ? { ...own, ...worst(lanes, (lane) => lane.cooldowns.get(proxy), now) } : own;
}

/** The same for the direct connection. */
function directStatus(
  { attempts, active, tally }: Direct,
  api: string,
  lanes: readonly Lane[],
  now: number,
): EgressProxyStatus {
  const direct = { api, name: 'direct', address: undefined, state: 'ok' as const, failures: 0 };
  // Its connections are those of the transport, which knows their bytes.
  const figures = { ...tally.figures(undefined), bytesSent: undefined, bytesReceived: undefined };
  const cooldown = {
    coolsDownUntil: undefined,
    reason: undefined,
    ...worst(lanes, (lane) => lane.direct, now),
  };
  return { ...direct, ...cooldown, attempts, active, ...figures };
}

/** The state of the longest cool-down for a single target, if there is one. */
function worst(lanes: readonly Lane[], cooldownOf: (lane: Lane) => Cooldown | undefined, now: number) {
  const cooldowns = lanes
    .map(cooldownOf)
    .filter((cooldown) => cooldown !== undefined && cooldown.state(now) !== 'ok');
  const [longest] = cooldowns.sort((a, b) => (b?.until ?? 0) - (a?.until ?? 0));
  return longest ? cooldownStatus(longest, now) : {};
}
