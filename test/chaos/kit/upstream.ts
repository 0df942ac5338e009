import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';

/** How an upstream behaves. */
export interface UpstreamManner {
  /**
   * `ok`: 200. `unavailable`: 503. `hang`: takes requests and never responds. `refuse`: nothing listens.
   * @default 'ok'
   */
  readonly mode?: 'ok' | 'unavailable' | 'hang' | 'refuse';
  /** Before a response. @default 0 */
  readonly delayMs?: number;
  /** The same for paths that begin so, in place of `delayMs`. */
  readonly delays?: Readonly<Record<string, number>>;
  /** Status of responses to paths that begin so, in place of 200. */
  readonly statuses?: Readonly<Record<string, number>>;
  /** Of a response's body. @default 200 */
  readonly bodyBytes?: number;
}

/** A request as it came in. */
export interface Arrival {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
}

/** An API in a process of its own. */
export interface ChaosUpstream {
  readonly url: string;
  readonly port: number;
  /** Other manners from now on. */
  become(manner: UpstreamManner): Promise<void>;
  /** All requests whose path begins so, since it started. */
  arrivals(prefix?: string): Promise<readonly Arrival[]>;
}

export type UpstreamOrder =
  | { readonly type: 'become'; readonly manner: UpstreamManner }
  | { readonly type: 'arrivals' };

export type UpstreamReport =
  | { readonly type: 'listens'; readonly port: number }
  | { readonly type: 'became' }
  | { readonly type: 'arrivals'; readonly arrivals: readonly Arrival[] };

/** Starts one on a free port of loopback; it ends with the scene. */
export async function startChaosUpstream(manner: UpstreamManner = {}): Promise<ChaosUpstream> {
  const child = fork(new URL('upstream-process.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  });
  onCleanup(() => child.kill('SIGKILL'));
  const { port } = await reported(child, 'listens');
  const order = (message: UpstreamOrder): void => void child.send(message);
  const become = async (next: UpstreamManner): Promise<void> => {
    order({ type: 'become', manner: next });
    await reported(child, 'became');
  };
  await become(manner);
  const known: Arrival[] = [];
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    become,
    async arrivals(prefix = '/') {
      order({ type: 'arrivals' });
      const { arrivals } = await reported(child, 'arrivals');
      for (const arrival of arrivals) known.push(arrival);
      return known.filter(({ path }) => path.startsWith(prefix));
    },
  };
}

async function reported<T extends UpstreamReport['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<UpstreamReport, { type: T }>> {
  const wait = async (): Promise<Extract<UpstreamReport, { type: T }>> => {
    for (;;) {
      const [report] = (await once(child, 'message')) as [UpstreamReport];
      if (report.type === type) return report as Extract<UpstreamReport, { type: T }>;
    }
  };
  return within(wait(), `the upstream to say: ${type}`, 10_000);
}
