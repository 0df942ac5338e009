import type { Part } from '../core/part.js';
import { type ForwardHandler, forward } from './forward.js';
import type { ForwardOptions } from './options/forward-options.js';

/** Options that affect how a call travels, not its response. */
const TRAVEL: readonly string[] = [
  'transport',
  'connections',
  'keepAliveTimeoutMs',
  'queueTimeoutMs',
  'connectTimeoutMs',
  'bodyTimeoutMs',
  'minBodyRate',
  'streamIdleTimeoutMs',
  'requestTimeoutMs',
  'maxResponseHeaderBytes',
  'maxKeptBytes',
  'methods',
  'traceMethod',
  'via',
  'maxConnectionAgeMs',
  'maxSockets',
  'maxSocketsPerClient',
  'socketIdleTimeoutMs',
  'maxSocketAgeMs',
  'upgrades',
];

export const forwardPart: Part<'forward', ForwardOptions, ForwardHandler, undefined> = {
  name: 'forward',
  // Its connection pools belong to the egress proxies.
  madeFrom: ({ egress }, options) => [egress, tableOrders(options)],
  make: (options, { egressOnly }) => forward(options, { egressOnly, admitted: true }),
};

/** The options on which responses depend, to be compared. */
export function responseOptions(options: ForwardOptions): unknown {
  const entries = Object.entries(options).filter(([name]) => !TRAVEL.includes(name));
  return [Object.fromEntries(entries), tableOrders(options)];
}

/** The first rule of a table that matches wins, so that the order of its keys matters. */
function tableOrders({ pathRewrite, router }: ForwardOptions): unknown {
  return [pathRewrite, router].map((rules) => typeof rules === 'object' && Object.keys(rules));
}
