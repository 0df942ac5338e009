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
