import type { Machine } from '../core/machine.js';
import type { Family, Row } from '../core/metric-family.js';
import { without } from '../core/options.js';
import type { Part } from '../core/part.js';
import { Successors } from '../core/successors.js';
import { targetDigest } from '../core/target-digest.js';
import { forwardedFacts, injectsCredential } from '../http/credential-digest.js';
import { forwardedHeaders } from '../http/forwarded-headers.js';
import { type ConcurrencyHandler, type OpenConcurrency, openConcurrency } from './concurrency.js';
import {
  type ConcurrencyOptions,
  concurrencyFileShape,
  concurrencySchema,
  resolveConcurrency,
} from './concurrency-options.js';
import type { ConcurrencyStatus } from './concurrency-status.js';
import { MachineShares } from './machine-shares.js';

/** The block `concurrency` of an API, whose name is the limit's. Redis is that of all APIs. */
type ConcurrencyBlock = Omit<ConcurrencyOptions, 'name' | 'redis'>;

/** The limit of each API. The one after an update counts what the one before it had let go, or had wait. */
class Concurrencies extends Successors<OpenConcurrency> {
  readonly shares: MachineShares | undefined;

  constructor(machine: Machine | undefined) {
    super((next, known, sameTarget) => {
      // One that counts by something else has other places.
      if (sameTarget && next.per === known.per) next.resume(known);
    });
    this.shares = machine && new MachineShares(machine);
  }

  async close(): Promise<void> {
    await this.shares?.close();
  }
}

export const concurrencyPart: Part<'concurrency', ConcurrencyBlock, ConcurrencyHandler, Concurrencies> = {
  name: 'concurrency',
  options: {
    schema: without(concurrencySchema, ['name', 'redis']),
    file: concurrencyFileShape,
    preset: false,
    words: { adaptive: { limit: 'adaptive' } },
    check: (options, place) => void resolveConcurrency(options, place),
  },
  share: (redis, _options, _limits, machine) => new Concurrencies(redis ? undefined : machine),
  madeFrom: ({ forward }, { per }) => (per === 'credential' ? forwardedFacts(forward) : undefined),
  reset: (handler) => handler.reset(),
  make(options, { name, forward, redis }, limits) {
    const open = openConcurrency(
      {
        ...options,
        name,
        prefix: options.prefix ?? redis?.prefix,
        commandTimeoutMs: options.commandTimeoutMs ?? redis?.commandTimeoutMs,
        ...(redis && { redis }),
      },
      {
        reaches: forwardedHeaders(forward),
        sharedCredential: injectsCredential(forward),
        forwards: true,
        shares: limits.shares,
      },
    );
    limits.enter(name, open, targetDigest(forward));
    return open.handler;
  },
  unlist: (api, limits) => limits.leave(api),
  status: {
    route: '/concurrency-status',
    list: 'concurrency',
    read: (handler) => ({ limits: handler.status(), refused: handler.refused() }),
  },
  families,
};

function families(list: () => Iterable<readonly [api: string, handler: ConcurrencyHandler]>): Family[] {
  const gauge = (name: string, help: string, of: (limits: ConcurrencyStatus[]) => number): Family => ({
    type: 'gauge',
    name,
    help,
    labels: ['api'],
    rows: () => [...list()].map(([api, handler]): Row => [{ api }, of(handler.status())]),
  });
  const sum = (of: 'inFlight' | 'waiting') => (limits: ConcurrencyStatus[]) =>
    limits.reduce((total, limit) => total + limit[of], 0);
  return [
    gauge('requests_in_flight', 'Requests to an API that hold a place of its limit.', sum('inFlight')),
    gauge('requests_waiting', 'Calls that wait for a place among the requests in flight.', sum('waiting')),
    {
      type: 'gauge',
      name: 'concurrency_limit',
      help: 'Most requests in flight at once; of several limits of an API the lowest.',
      labels: ['api'],
      rows: () =>
        [...list()].flatMap(([api, handler]): Row[] => {
          const limits = handler.status().map(({ limit }) => limit);
          return limits.length > 0 ? [[{ api }, Math.min(...limits)]] : [];
        }),
    },
    {
      type: 'counter',
      name: 'concurrency_refused_total',
      help: 'Calls that found no place: the queue was full, or they had waited for too long.',
      labels: ['api', 'because'],
      rows: () =>
        [...list()].flatMap(([api, handler]) =>
          Object.entries(handler.refused()).map(([because, count]): Row => [{ api, because }, count]),
        ),
    },
  ];
}
