import type { CircuitConfig, CircuitView } from '../shared/contract.js';
import { el } from '../shared/element.js';
import { formatMany, formatMs, formatRatio } from '../shared/format.js';

/** What others than the target have caused, which the circuit does not count; empty without any. */
export function notCountedText({ client, egress, self }: CircuitView['notCounted']): string {
  const parts = [
    client > 0 && `${formatMany(client, 'client')} left or did not read`,
    egress > 0 && formatMany(egress, 'failure of an egress proxy', 'failures of egress proxies'),
    self > 0 && `${formatMany(self, 'failure')} of this proxy itself`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? '' : `Not counted: ${parts.join(', ')}`;
}

/** Why a circuit is not closed, and since when; `undefined` if it is closed, or the opening is no longer known. */
export function openingOf({
  state,
  transitions,
}: CircuitView): { readonly time: number; readonly reason: string } | undefined {
  if (state === 'CLOSED') return undefined;
  return transitions.findLast(({ from, to }) => to === 'OPEN' && from === 'CLOSED');
}

/** The reason of an opening in words: `5 failures in a row`. */
export function reasonText(reason: string, { failures, config }: CircuitView): string {
  const { windowMs, failureRatio, slowCallMs, slowCallRatio } = config;
  if (reason === 'failures in a row') return `${formatMany(failures, 'failure')} in a row`;
  if (reason === 'failure ratio' && failureRatio !== false)
    return `${formatRatio(failureRatio, 1)} or more failed within ${formatMs(windowMs)}`;
  if (reason === 'slow call ratio' && slowCallMs !== false)
    return `${formatRatio(slowCallRatio, 1)} or more took ${formatMs(slowCallMs)} within ${formatMs(windowMs)}`;
  return reason === 'forced' ? 'forced by someone' : reason;
}

/** What is to be known of a circuit in one line. */
export function briefText(circuit: CircuitView): string {
  const { state, failures, config, failureText, lastFailure } = circuit;
  const opening = openingOf(circuit);
  if (state !== 'CLOSED') {
    const parts = [
      opening && reasonText(opening.reason, circuit),
      failureText && (lastFailure ?? failureText),
    ];
    return parts.filter(Boolean).join(', the last: ');
  }
  return failures === 0 ? '' : `${failures} of ${formatMany(config.failureThreshold, 'failure')} in a row`;
}

/** Whose state it is, where processes share their circuits; empty where they do not. */
export function scopeText({ config, scope, state, openedBy }: CircuitView): string {
  if (config.scope === 'process') return '';
  if (scope === 'process')
    return state === 'CLOSED'
      ? 'Not shared at the moment: Redis is not in use'
      : 'Open in this process alone: others may be closed';
  return state === 'CLOSED' ? '' : `Open for all processes, by ${openedBy}`;
}

/** The settings of a circuit, line by line. */
export function configLines(config: CircuitConfig): HTMLElement[] {
  const { failureRatio } = config;
  const lines: readonly (readonly [name: string, value: string])[] = [
    ['Opens after', `${formatMany(config.failureThreshold, 'failure')} in a row`],
    [
      'Opens at a ratio of',
      failureRatio === false
        ? 'off'
        : `${formatRatio(failureRatio, 1)} failed of at least ${config.minimumRequests} in ${formatMs(config.windowMs)}`,
    ],
    ['Failures are', `connections that fail or break, timeouts, and ${statusesText(config)}`],
    ['Stays open for', openText(config)],
    [
      'Opens when calls are slow',
      config.slowCallMs === false
        ? 'off'
        : `${formatRatio(config.slowCallRatio, 1)} take ${formatMs(config.slowCallMs)} or more`,
    ],
    [
      'Shared',
      config.scope === 'process'
        ? 'no: it is that of this process'
        : `opens for all when ${formatMany(config.quorum, 'process', 'processes')} ${config.quorum === 1 ? 'sees' : 'see'} failures`,
    ],
    ['Closes after', formatMany(config.successThreshold, 'good probe')],
    ['Probes at a time', `${config.maxProbes}, each given up after ${formatMs(config.probeTimeoutMs)}`],
    ['Attempt timeout', formatMs(config.requestTimeoutMs)],
  ];
  return lines.map(([name, value]) =>
    el('div', {}, el('dt', {}, name), el('dd', { class: 'number' }, value)),
  );
}

function statusesText({ failureStatuses, countRateLimited }: CircuitConfig): string {
  const statuses = countRateLimited ? [429, ...failureStatuses] : failureStatuses;
  return statuses.length === 0 ? 'no status' : `statuses ${statuses.join(', ')}`;
}

function openText({ resetTimeoutMs, backoffFactor, maxResetTimeoutMs }: CircuitConfig): string {
  const first = formatMs(resetTimeoutMs);
  return backoffFactor === 1
    ? first
    : `${first}, then ${backoffFactor} times as long each, up to ${formatMs(maxResetTimeoutMs)}`;
}
