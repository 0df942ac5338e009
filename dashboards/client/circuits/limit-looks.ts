import type { Limit, QuotaView } from '../shared/contract.js';
import { formatCount, formatMany, formatMs } from '../shared/format.js';
import { joined, type LineLook } from './line-look.js';

export const limitRank = ({ state, queued }: Limit): number =>
  state === 'exhausted' ? 0 : queued > 0 ? 1 : 2;

export const quotaRank = ({ queued, remaining }: QuotaView): number =>
  queued > 0 ? 0 : remaining === 0 ? 1 : 2;

const isNamed = (name: string) => name !== 'default';

/** The line of a limit that a target has advertised. */
export function limitLook(
  { api, name, credential, proxy, state, remaining, limit, resetsAt, queued }: Limit,
  time: number,
): LineLook {
  const exhausted = state === 'exhausted';
  const why = exhausted ? 'until it resets' : 'for the responses of others';
  return {
    key: JSON.stringify([api, name, credential, proxy]),
    name: isNamed(name) ? `${api}: ${name}` : api,
    below: [
      credential === '' ? '' : `credential ${credential.slice(0, 8)}`,
      proxy === undefined ? '' : `through ${proxy}`,
    ]
      .filter(Boolean)
      .join(' · '),
    state: exhausted ? 'Exhausted' : 'Available',
    icon: exhausted ? 'stop' : 'ok',
    tone: exhausted ? 'bad' : 'good',
    facts: joined([leftOf(remaining, limit), queued > 0 && `${formatMany(queued, 'call')} waiting ${why}`]),
    leftMs: resetsAt !== undefined && resetsAt > time ? resetsAt - time : undefined,
  };
}

/** The line of a limit that the options configure. */
export function quotaLook({
  api,
  name,
  limit,
  windowMs,
  remaining,
  queued,
  waitingKeys,
}: QuotaView): LineLook {
  const used = remaining === 0 || queued > 0;
  const keys = waitingKeys > 1 ? ` for ${formatMany(waitingKeys, 'key')}` : '';
  return {
    key: JSON.stringify([api, name]),
    name: name === 'limit' ? api : `${api}: ${name}`,
    below: `${formatCount(limit)} in ${formatMs(windowMs)}`,
    state: used ? 'Exhausted' : 'Available',
    icon: used ? 'warning' : 'ok',
    tone: used ? 'warning' : 'good',
    facts: joined([
      leftOf(remaining, undefined),
      queued > 0 && `${formatMany(queued, 'call')}${keys} waiting for room in the window`,
    ]),
    leftMs: undefined,
  };
}

function leftOf(remaining: number | undefined, limit: number | undefined): string {
  if (remaining === undefined) return '';
  return `${formatCount(remaining)}${limit === undefined ? '' : ` of ${formatCount(limit)}`} left`;
}
