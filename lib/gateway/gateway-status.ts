import { type StatusView, statusViews } from '../apis/part-views.js';
import type { EgressStatus } from '../core/egress-status.js';
import type { Machine } from '../core/machine.js';
import type { ResilientProxy } from '../resilient-proxy.js';
import { mergeStatus } from '../workers/merge-status.js';
import type { CallTroubleList, CallTroubles } from './call-troubles.js';

/** The state of the parts, of all processes of the gateway. */
export interface GatewayStatus {
  /** As it was a moment ago; for pages, which look again and again. */
  egress(): EgressStatus;
  /** As it is now. */
  readEgress(): Promise<EgressStatus>;
  /** How many processes serve and respond; the primary of workers does not serve. */
  processes(): Promise<number>;
  /** What calls tell of the configuration, of each process. */
  troubles(): Promise<readonly CallTroubleList[]>;
  /** The routes that show the state of parts, and what they respond. */
  readonly views: readonly { readonly route: string; read(): Promise<object> }[];
}

const READ = 'status:read';
const COUNT = 'status:count';
const TROUBLES = 'status:troubles';
const FRESH_MS = 500;

/** What one process shows. */
interface Shown {
  readonly egress: EgressStatus;
  readonly views: Readonly<Record<string, ReturnType<StatusView['read']>>>;
}

/** @param machine the other processes; their state is read with that of this one, or by the primary */
export function gatewayStatus(
  proxy: ResilientProxy,
  machine: Machine | undefined,
  troubles: Pick<CallTroubles, 'list'>,
): GatewayStatus {
  const views = statusViews(proxy.apis);
  const own = (): Shown => ({
    egress: proxy.egress(),
    views: Object.fromEntries(views.map(({ route, read }) => [route, read()])),
  });
  if (!machine?.primary) {
    machine?.handle(READ, own);
    machine?.handle(COUNT, () => true);
    machine?.handle(TROUBLES, () => troubles.list());
    return {
      egress: () => proxy.egress(),
      readEgress: async () => proxy.egress(),
      processes: async () => 1,
      troubles: async () => [troubles.list()],
      views: views.map(({ route, read }) => ({ route, read: async () => read() })),
    };
  }
  const all = async (): Promise<Shown> => mergeStatus([own(), ...((await machine.askAll(READ)) as Shown[])]);
  let last: EgressStatus | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  function egress(): EgressStatus {
    if (performance.now() - readAt > FRESH_MS) {
      readAt = performance.now();
      void readEgress();
    }
    return last ?? proxy.egress();
  }

  async function readEgress(): Promise<EgressStatus> {
    ({ egress: last } = await all());
    return last;
  }
  return {
    egress,
    readEgress,
    processes: async () => (await machine.askAll(COUNT)).length,
    troubles: async () => (await machine.askAll(TROUBLES)) as CallTroubleList[],
    views: views.map(({ route, read }) => ({
      route,
      read: async () => (await all()).views[route] ?? read(),
    })),
  };
}
