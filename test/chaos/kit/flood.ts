import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';

/** As many calls as go through: each connection sends the next ones when the last have their responses. */
export interface FloodPlan {
  readonly port: number;
  /** Requests that are sent in turn; `{n}` is a number that grows from call to call. */
  readonly requests: readonly FloodRequest[];
  readonly connections: number;
  /** Requests of a connection that are on their way at once. @default 1 */
  readonly depth?: number;
  /** Ends after so many calls. */
  readonly calls?: number;
  /** Ends after so long. */
  readonly ms?: number;
  /** From 0 to 1: connections that are cut when half of a request is sent, in place of it. @default 0 */
  readonly cutShare?: number;
}

export interface FloodRequest {
  readonly path: string;
  readonly body?: string;
}

export interface FloodReport {
  readonly calls: number;
  readonly ms: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** A process that sends floods; connections last as long as it does. */
export interface Flood {
  run(plan: FloodPlan): Promise<FloodReport>;
}

/** Starts one; it ends with the scene. Cheap on purpose: what is to be measured has to be busier than it. */
export function startFlood(): Flood {
  const child: ChildProcess = fork(new URL('flood-process.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
  });
  onCleanup(() => child.kill('SIGKILL'));
  return {
    async run(plan) {
      const reported = once(child, 'message');
      child.send(plan);
      const [report] = await within(reported, 'the end of a flood', 1_800_000);
      return report as FloodReport;
    },
  };
}
